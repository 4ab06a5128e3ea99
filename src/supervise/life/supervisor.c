/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/life/supervisor.h"

#include <signal.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/process/event.h"
#include "base/strings.h"
#include "supervise/life/definition.h"
#include "supervise/life/delay.h"
#include "supervise/life/run.h"
#include "supervise/life/stop.h"
#include "supervise/output/output.h"
#include "systemd/notify.h"

static int on_signal(struct event_source *source, const struct signalfd_siginfo *info, void *data)
{
        struct supervisor *supervisor = data;

        if (info->ssi_signo == SIGHUP) {
                output_reopen(supervisor->output);
                supervisor_follow_definition(supervisor);
                return 0;
        }
        if (supervisor->stopping && supervisor->launch) {
                (void)launch_kill(supervisor->launch);
                return 0;
        }
        supervisor_begin_stop(supervisor, MACHINE_STOPPED_ON_REQUEST);
        return 0;
}

static int on_watchdog(struct event_source *source, void *data)
{
        (void)systemd_notify("WATCHDOG=1");
        return event_set_timer(source, systemd_watchdog_interval());
}

static int set_up_loop(struct supervisor *supervisor, const sigset_t *signals,
                       struct machine_error *error)
{
        uint64_t watchdog = systemd_watchdog_interval();
        int r = event_loop_new(&supervisor->loop);

        if (r == 0) {
                r = event_add_signals(supervisor->loop, signals, on_signal, supervisor, NULL);
        }
        if (r == 0) {
                r = event_add_timer(supervisor->loop, supervisor_on_stop_timeout, supervisor,
                                    &supervisor->stop_timer);
        }
        if (r == 0) {
                r = event_add_timer(supervisor->loop, supervisor_on_start_timeout, supervisor,
                                    &supervisor->start_timer);
        }
        if (r == 0) {
                r = event_add_timer(supervisor->loop, supervisor_on_restart, supervisor,
                                    &supervisor->restart_timer);
        }
        if (r == 0 && watchdog > 0) {
                r = event_add_timer(supervisor->loop, on_watchdog, supervisor,
                                    &supervisor->watchdog);
                if (r == 0) {
                        r = event_set_timer(supervisor->watchdog, watchdog);
                }
        }
        return r < 0 ? error_set(error, r, "cannot watch the machine") : 0;
}

/* Must be called before the start, which adds settings of the image to the machine. */
static int take_snapshot(struct supervisor *supervisor, struct machine_error *error)
{
        supervisor->snapshot = config_snapshot(supervisor->machine);
        return !supervisor->snapshot || config_digest(supervisor->machine, supervisor->digest) < 0
                       ? error_oom(error)
                       : 0;
}

static int begin(struct supervisor *supervisor, struct machine_error *error)
{
        const struct machine_life *life = &supervisor->machine->life;
        bool wait = delay_begin(supervisor->machine, supervisor->options);
        uint64_t time = wait ? life->start_delay : 0;
        int r = wait ? event_set_timer(supervisor->restart_timer, life->start_delay)
                     : supervisor_begin_run(supervisor, error);

        if (r < 0 || supervisor->ready || life->start_timeout == MACHINE_UNLIMITED ||
            __builtin_add_overflow(time, life->start_timeout, &time)) {
                return r;
        }
        return event_set_timer(supervisor->start_timer, time);
}

static int run(struct supervisor *supervisor, struct machine_error *error)
{
        sigset_t signals;
        int r;

        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        sigaddset(&signals, SIGHUP);
        (void)sigprocmask(SIG_BLOCK, &signals, NULL);
        r = set_up_loop(supervisor, &signals, error);
        if (r == 0) {
                r = output_open(supervisor->loop, supervisor->machine,
                                supervisor->options->log_directory, &supervisor->output, error);
        }
        if (r == 0) {
                r = take_snapshot(supervisor, error);
        }
        if (r == 0) {
                r = begin(supervisor, error);
        }
        if (r < 0) {
                return r;
        }
        r = event_run(supervisor->loop);
        return r < 0 ? error_set(error, r, "cannot watch the machine") : r;
}

/* For the service manager, a requested stop is a success regardless of the payload. */
static int final_status(const struct supervisor *supervisor, int status)
{
        if (supervisor->late) {
                return EXIT_FAILURE;
        }
        return supervisor->stopping && status > 0 ? 0 : status;
}

int supervise(struct machine *machine, const struct supervisor_options *options,
              struct machine_error *error)
{
        struct supervisor supervisor = {
                .machine = machine,
                .options = options,
                .report = options->report,
        };
        int status = run(&supervisor, error);

        if (status < 0 || supervisor.launch) {
                supervisor_fail(&supervisor, error);
        }
        fd_close(supervisor.report);
        output_free(supervisor.output);
        event_loop_free(supervisor.loop);
        free(supervisor.reason);
        free(supervisor.snapshot);
        return final_status(&supervisor, status);
}
