/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/event.h"
#include "base/quantity.h"
#include "base/signal_name.h"
#include "base/strings.h"
#include "config/snapshot.h"
#include "launch/message.h"
#include "supervise/health.h"
#include "supervise/memory.h"
#include "supervise/output.h"
#include "supervise/registration.h"
#include "supervise/restart.h"
#include "systemd/notify.h"

#define NOTIFY_MAXIMUM 4096

/* What RestartForceExitStatus= of container@.service knows as "start me again". */
#define STATUS_RESTART_UNIT 133

struct supervisor {
        struct machine *machine;
        const struct supervisor_options *options;
        struct event_loop *loop;
        struct output *output;
        struct launch *launch; /* NULL between two runs */
        struct memory_watch *memory;
        struct health *health;
        struct registration *registration;
        struct event_source *ended, *notified; /* of the present run */
        struct event_source *stop_timer, *restart_timer, *watchdog;
        struct restart_history history;
        char *snapshot; /* of the definition, and its digest: config/snapshot.h */
        char digest[CONFIG_DIGEST_SIZE];
        uint64_t run_started;
        uint64_t restarts, kills; /* so far, over all runs */
        bool ready;               /* told once */
        bool stopping;
        bool reboot;     /* the machine asked to be started again */
        bool restarting; /* the run is ended to begin another */
        char *reason;    /* why this run ends */
        int status;
        int report;
};

static void say(struct supervisor *supervisor, const char *format, ...) _printf_(2, 3);

static void say(struct supervisor *supervisor, const char *format, ...)
{
        _cleanup_free_ char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        text = string_format_list(format, arguments);
        va_end(arguments);
        if (text) {
                output_say(supervisor->output, text);
        }
}

static void set_reason(struct supervisor *supervisor, const char *reason)
{
        /* The first reason is the cause, what follows are its consequences. */
        if (!supervisor->reason) {
                supervisor->reason = strdup(reason);
                say(supervisor, "machinectl-lite: %s", reason);
        }
}

/* ---- readiness ---- */

static void tell_ready(struct supervisor *supervisor)
{
        if (supervisor->ready) {
                return;
        }
        supervisor->ready = true;
        if (supervisor->report >= 0) {
                (void)message_send(supervisor->report, MESSAGE_READY);
                supervisor->report = fd_close(supervisor->report);
        }
        (void)systemd_notify("READY=1");
}

static void tell_failure(struct supervisor *supervisor, const struct machine_error *error)
{
        if (supervisor->report >= 0) {
                (void)message_send_error(supervisor->report, error);
                supervisor->report = fd_close(supervisor->report);
        }
}

/* The payload's own word, as sd_notify(3) puts it. Only READY=1 is acted on. */
static int on_notified(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct supervisor *supervisor = data;
        char text[NOTIFY_MAXIMUM + 1];
        ssize_t n = recv(fd, text, NOTIFY_MAXIMUM, MSG_DONTWAIT);

        if (n <= 0) {
                return 0;
        }
        text[n] = '\0';
        for (const char *line = text; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (string_after(line, "READY=1") &&
                    supervisor->machine->life.ready == MACHINE_READY_NOTIFY) {
                        tell_ready(supervisor);
                }
        }
        return 0;
}

/* ---- stopping ---- */

static void begin_stop(struct supervisor *supervisor, const char *reason)
{
        const struct machine_life *life = &supervisor->machine->life;

        if (supervisor->stopping) {
                return;
        }
        supervisor->stopping = true;
        set_reason(supervisor, reason);
        (void)systemd_notify("STOPPING=1");
        if (!supervisor->launch) {
                event_exit(supervisor->loop, 0);
                return;
        }
        (void)launch_save(supervisor->launch, MACHINE_STATE_STOPPING, NULL);
        (void)launch_signal(supervisor->launch, life->stop_signal);
        (void)event_set_timer(supervisor->stop_timer, life->stop_timeout);
}

static int on_stop_timeout(struct event_source *source, void *data)
{
        struct supervisor *supervisor = data;

        if (supervisor->launch) {
                say(supervisor, "machinectl-lite: it did not stop in time and is killed");
                (void)launch_kill(supervisor->launch);
        }
        return 0;
}

static int on_signal(struct event_source *source, const struct signalfd_siginfo *info, void *data)
{
        struct supervisor *supervisor = data;

        if (supervisor->stopping && supervisor->launch) {
                (void)launch_kill(supervisor->launch);
                return 0;
        }
        begin_stop(supervisor, "stopped on request");
        return 0;
}

/* ---- memory and health ---- */

static void on_memory(const char *message, void *data)
{
        say(data, "machinectl-lite: %s", message);
}

static void on_health(enum health_verdict verdict, const char *reason, void *data)
{
        struct supervisor *supervisor = data;
        _cleanup_free_ char *text = NULL;

        if (verdict == HEALTH_GOOD) {
                if (supervisor->machine->life.ready == MACHINE_READY_HEALTH) {
                        tell_ready(supervisor);
                }
                return;
        }
        say(supervisor, "machinectl-lite: %s", reason);
        if (verdict != HEALTH_UNHEALTHY || supervisor->stopping) {
                return;
        }
        text = string_format("unhealthy: %s", reason);
        switch (supervisor->machine->life.health_action) {
        case MACHINE_HEALTH_STOP:
                begin_stop(supervisor, text ? text : "unhealthy");
                break;
        case MACHINE_HEALTH_RESTART:
                set_reason(supervisor, text ? text : "unhealthy");
                supervisor->restarting = true;
                (void)launch_signal(supervisor->launch, supervisor->machine->life.stop_signal);
                (void)event_set_timer(supervisor->stop_timer,
                                      supervisor->machine->life.stop_timeout);
                break;
        case MACHINE_HEALTH_NONE:
                break;
        }
}

/* ---- one run ---- */

static int on_ended(struct event_source *source, int fd, uint32_t events, void *data);

static int watch_run(struct supervisor *supervisor, struct machine_error *error)
{
        const struct machine *machine = supervisor->machine;
        struct launch *launch = supervisor->launch;
        int r = event_add_fd(supervisor->loop, launch_pidfd(launch), EPOLLIN, on_ended, supervisor,
                             &supervisor->ended);

        if (r == 0 && launch_terminal(launch) >= 0) {
                r = output_follow(supervisor->output, launch_terminal(launch));
        }
        if (r == 0 && launch_notify_socket(launch) >= 0) {
                r = event_add_fd(supervisor->loop, launch_notify_socket(launch), EPOLLIN,
                                 on_notified, supervisor, &supervisor->notified);
        }
        if (r < 0) {
                return error_set(error, r, "cannot watch over the machine");
        }
        r = memory_watch_start(supervisor->loop, launch, on_memory, supervisor, &supervisor->memory,
                               error);
        if (r == 0 && machine->life.health_command) {
                r = health_start(supervisor->loop, machine, &supervisor->options->directories,
                                 on_health, supervisor, &supervisor->health, error);
        }
        return r;
}

static void unwatch_run(struct supervisor *supervisor)
{
        event_remove(TAKE_PTR(supervisor->ended));
        event_remove(TAKE_PTR(supervisor->notified));
        health_free(TAKE_PTR(supervisor->health));
        memory_watch_free(TAKE_PTR(supervisor->memory));
        registration_end(TAKE_PTR(supervisor->registration));
        (void)event_set_timer(supervisor->stop_timer, USEC_INFINITY);
}

static int begin_run(struct supervisor *supervisor, struct machine_error *error)
{
        const struct machine *machine = supervisor->machine;
        _cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        struct launch_options options = {
                .directories = supervisor->options->directories,
                .log = supervisor->options->log,
                /* A booted system writes to its console. */
                .terminal =
                        machine->process.terminal == MACHINE_CHOICE_YES || machine->process.boot,
                .streams = { null, output_stream(supervisor->output, 1),
                             output_stream(supervisor->output, 2) },
                .notify = machine->life.ready == MACHINE_READY_NOTIFY,
                .keep_record = true,
                .unit = supervisor->options->unit,
                .snapshot = supervisor->snapshot,
                .digest = supervisor->digest,
        };
        struct machine_record *record;
        int r = launch_start(supervisor->machine, &options, &supervisor->launch, error);

        if (r < 0) {
                return r;
        }
        supervisor->run_started = log_now();
        supervisor->restarting = false;
        record = launch_record(supervisor->launch);
        record->restarts = supervisor->restarts;
        record->out_of_memory_kills = supervisor->kills;
        if (supervisor->restarts > 0) {
                (void)launch_save(supervisor->launch, MACHINE_STATE_RUNNING, NULL);
        }
        supervisor->registration = registration_begin(supervisor->loop, supervisor->launch, machine,
                                                      supervisor->options->unit);
        r = watch_run(supervisor, error);
        if (r == 0 && machine->life.ready == MACHINE_READY_EXEC) {
                tell_ready(supervisor);
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
                set_reason(supervisor, launch_record(supervisor->launch)->reason);
        } else if (supervisor->status > 128) {
                _cleanup_free_ char *text = NULL;

                signal_name(supervisor->status - 128, name);
                text = string_format("ended by %s", name);
                set_reason(supervisor, text ? text : "ended by a signal");
        } else {
                _cleanup_free_ char *text =
                        string_format("ended with status %d", supervisor->status);

                set_reason(supervisor, text ? text : "ended");
        }
}

/* Ends a run: everything is undone, the record says how it ended. */
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
                say(supervisor, "machinectl-lite: cleaning up: %s", failure.message);
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
        return supervisor->stopping || supervisor->status == 0 ? MACHINE_STATE_STOPPED
                                                               : MACHINE_STATE_FAILED;
}

/* The machine was to become ready and ended before: whoever waits is told why. */
static void tell_early_end(struct supervisor *supervisor)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        if (supervisor->ready) {
                return;
        }
        error_say(&error, ECHILD, "machine \"%s\" %s before it was ready",
                  supervisor->machine->name, supervisor->reason);
        error_hint(&error, "machinectl-lite logs %s shows what it printed",
                   supervisor->machine->name);
        tell_failure(supervisor, &error);
}

/* A reboot is no failure: it happens at once, and is counted against no limit. */
static void begin_reboot(struct supervisor *supervisor)
{
        free(TAKE_PTR(supervisor->reason));
        set_reason(supervisor, "reboot");
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
                set_reason(supervisor, "restarted too often, given up");
                tell_early_end(supervisor);
                end_run(supervisor, MACHINE_STATE_FAILED);
                event_exit(supervisor->loop, supervisor->status);
                return;
        }
        end_run(supervisor, MACHINE_STATE_STARTING);
        supervisor->restarts++;
        free(TAKE_PTR(supervisor->reason));
        say(supervisor, "machinectl-lite: restart %llu in %llu ms",
            (unsigned long long)supervisor->restarts, (unsigned long long)(delay / 1000));
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
        /* In a unit it is the service manager's to start it again. */
        if (supervisor->reboot && supervisor->options->unit) {
                supervisor->status = STATUS_RESTART_UNIT;
        } else if (wants_restart(supervisor)) {
                plan_restart(supervisor);
                return 0;
        }
        tell_early_end(supervisor);
        end_run(supervisor, final_state(supervisor));
        event_exit(supervisor->loop, supervisor->status);
        return 0;
}

static int on_restart(struct event_source *source, void *data)
{
        struct supervisor *supervisor = data;
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        int r = begin_run(supervisor, &error);

        if (r < 0) {
                say(supervisor, "machinectl-lite: %s", error.message);
                event_exit(supervisor->loop, 1);
        }
        return 0;
}

static int on_watchdog(struct event_source *source, void *data)
{
        (void)systemd_notify("WATCHDOG=1");
        return event_set_timer(source, systemd_watchdog_interval());
}

/* ---- the whole ---- */

static int set_up_loop(struct supervisor *supervisor, const sigset_t *signals,
                       struct machine_error *error)
{
        uint64_t watchdog = systemd_watchdog_interval();
        int r = event_loop_new(&supervisor->loop);

        if (r == 0) {
                r = event_add_signals(supervisor->loop, signals, on_signal, supervisor, NULL);
        }
        if (r == 0) {
                r = event_add_timer(supervisor->loop, on_stop_timeout, supervisor,
                                    &supervisor->stop_timer);
        }
        if (r == 0) {
                r = event_add_timer(supervisor->loop, on_restart, supervisor,
                                    &supervisor->restart_timer);
        }
        if (r == 0 && watchdog > 0) {
                r = event_add_timer(supervisor->loop, on_watchdog, supervisor,
                                    &supervisor->watchdog);
                if (r == 0) {
                        r = event_set_timer(supervisor->watchdog, watchdog);
                }
        }
        return r < 0 ? error_set(error, r, "cannot watch over the machine") : 0;
}

/* Before a start: an image adds to the machine what its definition did not say. */
static int take_snapshot(struct supervisor *supervisor, struct machine_error *error)
{
        supervisor->snapshot = config_snapshot(supervisor->machine);
        return !supervisor->snapshot || config_digest(supervisor->machine, supervisor->digest) < 0
                       ? error_oom(error)
                       : 0;
}

static int run(struct supervisor *supervisor, struct machine_error *error)
{
        sigset_t signals;
        int r;

        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
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
                r = begin_run(supervisor, error);
        }
        if (r < 0) {
                tell_failure(supervisor, error);
                return r;
        }
        return event_run(supervisor->loop);
}

/* What the service manager sees: an ordered stop is a success however the payload took it. */
static int final_status(const struct supervisor *supervisor, int status)
{
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

        if (supervisor.launch) {
                set_reason(&supervisor, "its supervisor failed");
                unwatch_run(&supervisor);
                end_run(&supervisor, MACHINE_STATE_FAILED);
        }
        fd_close(supervisor.report);
        output_free(supervisor.output);
        event_loop_free(supervisor.loop);
        free(supervisor.reason);
        free(supervisor.snapshot);
        return final_status(&supervisor, status);
}
