/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/foreground.h"

#include <sys/syscall.h>

#include "base/error.h"
#include "base/process/event.h"
#include "supervise/output/terminal.h"
#include "supervise/request.h"
#include "supervise/watch/memory.h"
#include "supervise/watch/resolver.h"
#include "supervise/watch/uplink.h"

/* The watched process: the first process of a machine, or one that has entered a machine. */
struct foreground {
        struct event_loop *loop;
        int pidfd;
        struct launch *launch;     /* of the first process of a machine, else NULL */
        struct entered *entered;   /* of a process that has entered, else NULL */
        struct terminal *terminal; /* may be NULL */
        struct memory_watch *memory;
        const struct machine_life *life;      /* of the machine, or NULL */
        const struct foreground_watch *watch; /* or NULL */
        struct event_source *stop_timer;
        bool stopping;
        unsigned int interrupts;
        bool early; /* the first process has not ended yet */
};

/* Signals that concern this process and not the machine. */
static const int own_signals[] = { SIGCHLD, SIGPIPE, SIGTTIN, SIGTTOU, SIGTSTP, SIGCONT };

static void passed_on(sigset_t *set)
{
        sigfillset(set);
        for (size_t i = 0; i < ELEMENTS_OF(own_signals); i++) {
                sigdelset(set, own_signals[i]);
        }
        /* Faults of this program must not be blocked. */
        sigdelset(set, SIGSEGV);
        sigdelset(set, SIGBUS);
        sigdelset(set, SIGILL);
        sigdelset(set, SIGFPE);
        sigdelset(set, SIGABRT);
        sigdelset(set, SIGTRAP);
}

void foreground_block_signals(sigset_t *ret_previous)
{
        sigset_t set;

        passed_on(&set);
        (void)sigprocmask(SIG_BLOCK, &set, ret_previous);
}

static bool asks_to_end(int signal)
{
        return signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT;
}

/* A paused machine has to be resumed to receive a signal that asks it to end. */
static bool has_to_wake(const struct foreground *foreground, int signal)
{
        return asks_to_end(signal) && cgroup_is_frozen(launch_cgroup(foreground->launch)) > 0;
}

/* A signal that asks an entered program to end is for all of it, a pipeline for example: it is sent
 * to the whole process group, and processes that remain when the program has ended are killed. */
static void pass_to_entered(struct foreground *foreground, int signal)
{
        struct entered *entered = foreground->entered;

        /* A second Ctrl-C kills a program that ignores the first. */
        if (signal == SIGINT && foreground->interrupts++ > 0) {
                launch_entered_kill(entered);
        } else if (asks_to_end(signal)) {
                launch_entered_end_whole(entered);
                launch_entered_signal(entered, signal);
        } else {
                (void)syscall(SYS_pidfd_send_signal, foreground->pidfd, signal, NULL, 0);
        }
}

/* As a supervisor in the background does: a second request kills the machine. */
static void stop_machine(struct foreground *foreground)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;

        if (foreground->stopping) {
                (void)launch_kill(foreground->launch);
                return;
        }
        foreground->stopping = true;
        if (launch_ask_to_end(foreground->launch, MACHINE_STATE_STOPPING,
                              foreground->life->stop_signal, &failure) < 0) {
                log_error(launch_log(foreground->launch), &failure);
        }
        (void)event_set_timer(foreground->stop_timer, foreground->life->stop_timeout);
}

static int on_stop_timeout(struct event_source *source, void *data)
{
        struct foreground *foreground = data;

        log_warning(launch_log(foreground->launch),
                    "machine \"%s\" did not stop in time, killing it",
                    launch_record(foreground->launch)->name);
        (void)launch_kill(foreground->launch);
        return 0;
}

static void pass_to_machine(struct foreground *foreground, int signal)
{
        if (signal == SIGINT && foreground->interrupts++ > 0) {
                (void)launch_kill(foreground->launch);
        } else if (has_to_wake(foreground, signal)) {
                (void)launch_ask_to_end(foreground->launch, MACHINE_STATE_RUNNING, signal, NULL);
        } else {
                (void)launch_signal(foreground->launch, signal);
        }
}

static int on_signal(struct event_source *source, const struct signalfd_siginfo *info, void *data)
{
        struct foreground *foreground = data;
        int signal = (int)info->ssi_signo;

        if (signal == SIGWINCH) {
                if (foreground->terminal) {
                        terminal_resize(foreground->terminal);
                }
                return 0;
        }
        /* A process that has ended takes no signal; its pidfd is about to become readable. */
        if (foreground->entered) {
                pass_to_entered(foreground, signal);
        } else if (!foreground->launch) {
                (void)syscall(SYS_pidfd_send_signal, foreground->pidfd, signal, NULL, 0);
        } else if (request_is_stop(info)) {
                stop_machine(foreground);
        } else {
                pass_to_machine(foreground, signal);
        }
        return 0;
}

static int on_ended(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct foreground *foreground = data;
        int status;

        if (foreground->terminal) {
                terminal_drain(foreground->terminal);
        }
        if (!foreground->launch) {
                event_exit(foreground->loop, 0);
                return 0;
        }
        status = launch_reap(foreground->launch);
        memory_watch_settle(foreground->memory, status);
        event_exit(foreground->loop, status);
        return 0;
}

/* The stub has reported the end of the payload, and exits. */
static int on_status(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct foreground *foreground = data;
        int status = launch_take_status(foreground->launch);

        /* Otherwise the end of the stub says it. */
        if (status >= 0) {
                foreground->early = true;
                memory_watch_settle(foreground->memory, status);
                event_exit(foreground->loop, status);
        } else {
                event_remove(source);
        }
        return 0;
}

static void warn_of_memory(const char *message, void *data)
{
        const struct foreground *foreground = data;

        log_warning(launch_log(foreground->launch), "machine \"%s\" is %s",
                    launch_record(foreground->launch)->name, message);
}

static void tell_network(const char *message, void *data)
{
        const struct foreground *foreground = data;

        log_warning(launch_log(foreground->launch), "machine \"%s\": %s",
                    launch_record(foreground->launch)->name, message);
}

static int on_watched(struct event_source *source, int fd, uint32_t events, void *data)
{
        const struct foreground *foreground = data;

        foreground->watch->readable(fd);
        return 0;
}

static int stay(struct foreground *foreground, int terminal_fd, struct machine_error *error)
{
        _cleanup_event_loop_ struct event_loop *loop = NULL;
        _cleanup_terminal_ struct terminal *terminal = NULL;
        _cleanup_memory_watch_ struct memory_watch *memory = NULL;
        _cleanup_resolver_watch_ struct resolver_watch *resolver = NULL;
        _cleanup_uplink_watch_ struct uplink_watch *uplink = NULL;
        sigset_t signals;
        int r = event_loop_new(&loop);

        passed_on(&signals);
        foreground->loop = loop;
        if (r == 0) {
                r = event_add_signals(loop, &signals, on_signal, foreground, NULL);
        }
        if (r == 0) {
                r = event_add_fd(loop, foreground->pidfd, EPOLLIN, on_ended, foreground, NULL);
        }
        if (r == 0) {
                r = event_add_timer(loop, on_stop_timeout, foreground, &foreground->stop_timer);
        }
        if (r == 0 && foreground->watch && foreground->watch->fd >= 0) {
                r = event_add_fd(loop, foreground->watch->fd, EPOLLIN, on_watched, foreground,
                                 NULL);
        }
        if (r < 0) {
                return error_set(error, r, "cannot watch the program");
        }
        if (foreground->launch) {
                if (launch_status_event(foreground->launch) >= 0) {
                        r = event_add_fd(loop, launch_status_event(foreground->launch), EPOLLIN,
                                         on_status, foreground, NULL);
                        if (r < 0) {
                                return error_set(error, r, "cannot watch the program");
                        }
                }
                r = memory_watch_start(loop, foreground->launch, warn_of_memory, foreground,
                                       &memory, error);
                if (r == 0) {
                        r = resolver_watch_start(loop, foreground->launch, &resolver, error);
                }
                if (r == 0) {
                        r = uplink_watch_start(loop, foreground->launch, tell_network, foreground,
                                               &uplink, error);
                }
                if (r < 0) {
                        return r;
                }
                foreground->memory = memory;
        }
        if (terminal_fd >= 0) {
                r = terminal_join(loop, terminal_fd, &terminal, error);
                if (r < 0) {
                        return r;
                }
                foreground->terminal = terminal;
        }
        return event_run(loop);
}

int foreground_run(struct launch *launch, const struct machine_life *life, bool *ret_early,
                   struct machine_error *error)
{
        struct foreground foreground = {
                .launch = launch,
                .pidfd = launch_pidfd(launch),
                .life = life,
        };
        int r = stay(&foreground, launch_terminal(launch), error);

        *ret_early = r >= 0 && foreground.early;
        return r;
}

int foreground_attend(int pidfd, int terminal, const struct foreground_watch *watch,
                      struct machine_error *error)
{
        struct foreground foreground = { .pidfd = pidfd, .watch = watch };

        return stay(&foreground, terminal, error);
}

int foreground_follow(struct entered *entered, struct machine_error *error)
{
        struct foreground foreground = { .pidfd = entered->pidfd, .entered = entered };
        int r = stay(&foreground, entered->terminal, error);
        int status = launch_leave(entered);

        return r < 0 ? r : status;
}
