/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/life/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/process/event.h"
#include "base/process/signal_name.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "launch/init/message.h"
#include "state/store.h"
#include "supervise/life/health_action.h"
#include "supervise/life/readiness.h"
#include "supervise/life/registration.h"
#include "supervise/life/stop.h"
#include "supervise/life/warnings.h"
#include "supervise/output/output.h"
#include "supervise/watch/blocks.h"
#include "supervise/watch/health.h"
#include "supervise/watch/memory.h"
#include "supervise/watch/resolver.h"
#include "supervise/watch/uplink.h"

/* The RestartForceExitStatus= of container@.service. */
#define STATUS_RESTART_UNIT 133

static int on_ended(struct event_source *source, int fd, uint32_t events, void *data);

static void on_event(const char *message, void *data)
{
        supervisor_say(data, "machinectl-lite: %s", message);
}

static void on_changed_block(const char *message, void *data)
{
        struct supervisor *supervisor = data;

        supervisor_say(supervisor, "machinectl-lite: %s", message);
        supervisor_report_fault(supervisor, message);
}

static int follow_terminal(struct supervisor *supervisor)
{
        _cleanup_free_ char *socket =
                string_format("%s/machines/%s" STATE_ATTACH_SUFFIX,
                              supervisor->options->directories.runtime, supervisor->machine->name);

        return socket ? output_follow(supervisor->output, launch_terminal(supervisor->launch),
                                      socket)
                      : -ENOMEM;
}

static int watch_run(struct supervisor *supervisor, struct machine_error *error)
{
        struct launch *launch = supervisor->launch;
        int r = event_add_fd(supervisor->loop, launch_pidfd(launch), EPOLLIN, on_ended, supervisor,
                             &supervisor->ended);

        if (r == 0 && launch_terminal(launch) >= 0) {
                r = follow_terminal(supervisor);
        }
        if (r == 0 && launch_notify_socket(launch) >= 0) {
                r = event_add_fd(supervisor->loop, launch_notify_socket(launch), EPOLLIN,
                                 supervisor_on_notified, supervisor, &supervisor->notified);
        }
        if (r < 0) {
                return error_set(error, r, "cannot watch the machine");
        }
        r = memory_watch_start(supervisor->loop, launch, on_event, supervisor, &supervisor->memory,
                               error);
        if (r == 0) {
                r = resolver_watch_start(supervisor->loop, launch, &supervisor->resolver, error);
        }
        if (r == 0) {
                r = uplink_watch_start(supervisor->loop, launch, on_event, supervisor,
                                       &supervisor->uplink, error);
        }
        if (r == 0) {
                r = supervisor_start_health(supervisor, error);
        }
        return r < 0 ? r
                     : block_watch_start(supervisor->loop, launch, on_changed_block, supervisor,
                                         &supervisor->blocks, error);
}

static void unwatch_run(struct supervisor *supervisor)
{
        event_remove(TAKE_PTR(supervisor->ended));
        event_remove(TAKE_PTR(supervisor->notified));
        block_watch_free(TAKE_PTR(supervisor->blocks));
        health_free(TAKE_PTR(supervisor->health));
        supervisor_forget_fault(supervisor);
        memory_watch_free(TAKE_PTR(supervisor->memory));
        resolver_watch_free(TAKE_PTR(supervisor->resolver));
        uplink_watch_free(TAKE_PTR(supervisor->uplink));
        registration_end(TAKE_PTR(supervisor->registration));
        (void)event_set_timer(supervisor->stop_timer, USEC_INFINITY);
}

int supervisor_begin_run(struct supervisor *supervisor, struct machine_error *error)
{
        const struct machine *machine = supervisor->machine;
        /* Later runs are ordinary starts. What is restored was ready. */
        const struct launch_restore *restore =
                supervisor->run_started == 0 ? supervisor->options->restore : NULL;
        bool awaits = machine->life.ready != MACHINE_READY_EXEC && !restore;
        _cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        struct launch_options options = {
                .directories = supervisor->options->directories,
                .title = supervisor->options->title,
                .log = supervisor->options->log ? supervisor->options->log : &supervisor->log,
                /* A booted system logs to its console. */
                .terminal =
                        machine->process.terminal == MACHINE_CHOICE_YES || machine->process.boot,
                .streams = { null, output_stream(supervisor->output, 1),
                             output_stream(supervisor->output, 2) },
                .notify = machine->life.ready == MACHINE_READY_NOTIFY,
                .background = true,
                .awaits_readiness = awaits && !supervisor->ready,
                .keep_record = true,
                .restarts = supervisor->restarts,
                .out_of_memory_kills = supervisor->kills,
                .unit = supervisor->options->unit,
                .restore = restore,
                .snapshot = supervisor->snapshot,
                .digest = supervisor->digest,
        };
        int r;

        warnings_begin(supervisor);
        r = launch_start(supervisor->machine, &options, &supervisor->launch, error);
        warnings_end(supervisor);
        if (r < 0) {
                return r;
        }
        supervisor->run_started = log_now();
        supervisor->restarting = false;
        supervisor->registration = registration_begin(supervisor->loop, supervisor->launch, machine,
                                                      supervisor->options->unit);
        r = watch_run(supervisor, error);
        if (r == 0 && !awaits) {
                supervisor_report_ready(supervisor);
        } else if (r == 0 && supervisor->report >= 0) {
                (void)message_send(supervisor->report, MESSAGE_PROCEED);
        }
        return r;
}

static void describe_end(struct supervisor *supervisor)
{
        char name[16];

        if (supervisor->reason) {
                return;
        }
        if (launch_record(supervisor->launch)->reason) {
                supervisor_set_reason(supervisor, launch_record(supervisor->launch)->reason);
        } else if (supervisor->status > 128) {
                _cleanup_free_ char *text = NULL;

                signal_name(supervisor->status - 128, name);
                text = string_format("ended by %s", name);
                supervisor_set_reason(supervisor, text ? text : "ended by a signal");
        } else {
                _cleanup_free_ char *text =
                        string_format("ended with status %d", supervisor->status);

                supervisor_set_reason(supervisor, text ? text : "ended");
        }
}

/* Ends a run: cleans up, and records how it ended. */
static void end_run(struct supervisor *supervisor, enum machine_state state)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        struct machine_record *record = launch_record(supervisor->launch);

        supervisor->kills = record->out_of_memory_kills;
        record->state = state;
        record->exit_status = supervisor->status;
        record->stopped_usec = clock_realtime();
        (void)string_replace(&record->reason, supervisor->reason);
        if (launch_finish(TAKE_PTR(supervisor->launch), &failure) < 0) {
                supervisor_say(supervisor, "machinectl-lite: cannot clean up: %s", failure.message);
        }
}

static bool wants_restart(const struct supervisor *supervisor)
{
        if (supervisor->stopping || supervisor->restarting || supervisor->reboot) {
                return !supervisor->stopping;
        }
        return restart_is_wanted(&supervisor->machine->life, supervisor->status);
}

static enum machine_state final_state(const struct supervisor *supervisor)
{
        bool success = supervisor->stopping || supervisor->status == 0;

        return success && !supervisor->late ? MACHINE_STATE_STOPPED : MACHINE_STATE_FAILED;
}

/* A reboot is not a failure: it has no delay and does not count as a restart. */
static void begin_reboot(struct supervisor *supervisor)
{
        free(TAKE_PTR(supervisor->reason));
        supervisor_set_reason(supervisor, "reboot");
        end_run(supervisor, MACHINE_STATE_STARTING);
        free(TAKE_PTR(supervisor->reason));
        (void)event_set_timer(supervisor->restart_timer, 0);
}

static void plan_restart(struct supervisor *supervisor)
{
        uint64_t delay;

        if (supervisor->reboot) {
                begin_reboot(supervisor);
                return;
        }
        if (restart_next(&supervisor->machine->life, &supervisor->history, log_now(),
                         log_now() - supervisor->run_started, &delay) < 0) {
                free(TAKE_PTR(supervisor->reason));
                supervisor_set_reason(supervisor, "restarted too often, giving up");
                end_run(supervisor, MACHINE_STATE_FAILED);
                supervisor_report_early_end(supervisor);
                event_exit(supervisor->loop, supervisor->status);
                return;
        }
        end_run(supervisor, MACHINE_STATE_STARTING);
        supervisor->restarts++;
        free(TAKE_PTR(supervisor->reason));
        supervisor_say(supervisor, "machinectl-lite: restart %llu in %llu ms",
                       (unsigned long long)supervisor->restarts,
                       (unsigned long long)(delay / 1000));
        (void)event_set_timer(supervisor->restart_timer, delay);
}

static int on_ended(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct supervisor *supervisor = data;

        supervisor->status = launch_reap(supervisor->launch);
        supervisor->reboot = launch_wants_reboot(supervisor->launch);
        memory_watch_settle(supervisor->memory, supervisor->status);
        unwatch_run(supervisor);
        output_drain(supervisor->output);
        describe_end(supervisor);
        /* A unit is started again by the service manager. */
        if (supervisor->reboot && supervisor->options->unit) {
                supervisor->status = STATUS_RESTART_UNIT;
        } else if (wants_restart(supervisor)) {
                plan_restart(supervisor);
                return 0;
        }
        end_run(supervisor, final_state(supervisor));
        supervisor_report_early_end(supervisor);
        event_exit(supervisor->loop, supervisor->status);
        return 0;
}

/* A restart that failed left a record without a supervisor. Takes it over again, unless it belongs
 * to another supervisor by now. */
static bool reclaim(const struct supervisor *supervisor)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_record_ struct machine_record record = { 0 };
        _cleanup_close_ int lock = -EBADF;
        const char *name = supervisor->machine->name;

        if (state_store_open(supervisor->options->directories.runtime, &store, NULL) < 0) {
                return false;
        }
        lock = state_lock(&store, name, NULL);
        if (lock < 0 || state_load(&store, name, &record, NULL) < 0 ||
            record.supervisor.pid != getpid()) {
                return false;
        }
        record.state = MACHINE_STATE_STARTING;
        record.restarts = supervisor->restarts;
        return state_save(&store, &record, NULL) == 0;
}

/* Reports that the machine could not be started, after undoing what was done of it. */
void supervisor_fail(struct supervisor *supervisor, const struct machine_error *error)
{
        if (supervisor->launch) {
                supervisor_set_reason(supervisor, "its supervisor failed");
                unwatch_run(supervisor);
                end_run(supervisor, MACHINE_STATE_FAILED);
        }
        supervisor_report_failure(supervisor, error);
}

/* What the machine depends on may be restarting as well, such as the machine whose network it
 * shares: a failed start counts like a run that failed immediately. */
static bool try_again(struct supervisor *supervisor)
{
        uint64_t delay;

        if (supervisor->launch || supervisor->stopping ||
            !restart_is_wanted(&supervisor->machine->life, EXIT_FAILURE) ||
            restart_next(&supervisor->machine->life, &supervisor->history, log_now(), 0, &delay) <
                    0 ||
            !reclaim(supervisor)) {
                return false;
        }
        supervisor->restarts++;
        supervisor_say(supervisor, "machinectl-lite: restart %llu in %llu ms",
                       (unsigned long long)supervisor->restarts,
                       (unsigned long long)(delay / 1000));
        return event_set_timer(supervisor->restart_timer, delay) == 0;
}

int supervisor_on_restart(struct event_source *source, void *data)
{
        struct supervisor *supervisor = data;
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        bool first = supervisor->run_started == 0;
        int r = supervisor_begin_run(supervisor, &error);

        if (r < 0 && !first && try_again(supervisor)) {
                supervisor_say(supervisor, "machinectl-lite: %s", error.message);
                return 0;
        }
        if (r < 0) {
                supervisor_say(supervisor, "machinectl-lite: %s", error.message);
                supervisor_fail(supervisor, &error);
                event_exit(supervisor->loop, 1);
        }
        return 0;
}
