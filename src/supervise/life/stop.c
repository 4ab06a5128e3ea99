/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/life/stop.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/process/event.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "state/store.h"
#include "supervise/life/readiness.h"
#include "systemd/notify.h"

/* The stop timeout begins after the machine was resumed. */
void supervisor_ask_to_end(struct supervisor *supervisor, enum machine_state state)
{
        const struct machine_life *life = &supervisor->machine->life;
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;

        if (launch_ask_to_end(supervisor->launch, state, life->stop_signal, &failure) < 0) {
                supervisor_say(supervisor, "machinectl-lite: %s", failure.message);
        }
        (void)event_set_timer(supervisor->stop_timer, life->stop_timeout);
}

/* Between two runs there is nothing to clean up, but the record announces a restart. */
static void note_stopped(struct supervisor *supervisor)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_record_ struct machine_record record = { 0 };
        const char *runtime = supervisor->options->directories.runtime;
        const char *name = supervisor->machine->name;
        _cleanup_close_ int lock = -EBADF;

        if (state_store_open(runtime, &store, NULL) < 0) {
                return;
        }
        lock = state_lock(&store, name, NULL);
        if (state_load(&store, name, &record, NULL) == 0) {
                record.state = supervisor->late ? MACHINE_STATE_FAILED : MACHINE_STATE_STOPPED;
                record.stopped_usec = clock_realtime();
                (void)string_replace(&record.reason, supervisor->reason);
                (void)state_save(&store, &record, NULL);
        }
}

void supervisor_begin_stop(struct supervisor *supervisor, const char *reason)
{
        if (supervisor->stopping) {
                return;
        }
        supervisor->stopping = true;
        supervisor_set_reason(supervisor, reason);
        (void)systemd_notify("STOPPING=1");
        if (!supervisor->launch) {
                note_stopped(supervisor);
                supervisor_report_early_end(supervisor);
                event_exit(supervisor->loop, 0);
                return;
        }
        supervisor_ask_to_end(supervisor, MACHINE_STATE_STOPPING);
}

/* A start that takes too long has failed: the machine is stopped and not restarted. */
int supervisor_on_start_timeout(struct event_source *source, void *data)
{
        struct supervisor *supervisor = data;
        _cleanup_free_ char *reason = NULL;
        char text[32];

        if (supervisor->stopping) {
                return 0;
        }
        quantity_format_time(supervisor->machine->life.start_timeout, text);
        reason = string_format("not ready within %s", text);
        supervisor->late = true;
        supervisor_begin_stop(supervisor, reason ? reason : "not ready in time");
        return 0;
}

int supervisor_on_stop_timeout(struct event_source *source, void *data)
{
        struct supervisor *supervisor = data;

        if (supervisor->launch) {
                supervisor_say(supervisor, "machinectl-lite: stop timed out, killing");
                (void)launch_kill(supervisor->launch);
        }
        return 0;
}
