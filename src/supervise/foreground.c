/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/foreground.h"

#include <sys/syscall.h>

#include "base/error.h"
#include "base/event.h"
#include "supervise/memory.h"
#include "supervise/terminal.h"

/* The process that the loop is beside: a machine's first one, or one that has entered a machine. */
struct foreground {
        struct event_loop *loop;
        int pidfd;
        struct launch *launch;     /* NULL: of a machine that somebody else supervises */
        struct terminal *terminal; /* NULL: none */
        struct memory_watch *memory;
        unsigned int interrupts;
};

/* Signals that say something about this process and not about the machine. */
static const int own_signals[] = { SIGCHLD, SIGPIPE, SIGTTIN, SIGTTOU, SIGTSTP, SIGCONT };

static void passed_on(sigset_t *set)
{
        sigfillset(set);
        for (size_t i = 0; i < ELEMENTS_OF(own_signals); i++) {
                sigdelset(set, own_signals[i]);
        }
        /* A fault of this program's is not something to be read from a queue. */
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
        /* Whoever presses Ctrl-C twice does not want to wait for a program that ignores it. */
        if (signal == SIGINT && foreground->interrupts++ > 0) {
                if (foreground->launch) {
                        (void)launch_kill(foreground->launch);
                        return 0;
                }
                signal = SIGKILL;
        }
        /* ESRCH: it has ended, which the pidfd is about to tell. */
        (void)syscall(SYS_pidfd_send_signal, foreground->pidfd, signal, NULL, 0);
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

static void tell_memory(const char *message, void *data)
{
        const struct foreground *foreground = data;

        log_warning(launch_log(foreground->launch), "machine \"%s\" is %s",
                    launch_record(foreground->launch)->name, message);
}

static int stay(struct foreground *foreground, int terminal_fd, struct machine_error *error)
{
        _cleanup_event_loop_ struct event_loop *loop = NULL;
        _cleanup_terminal_ struct terminal *terminal = NULL;
        _cleanup_memory_watch_ struct memory_watch *memory = NULL;
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
        if (r < 0) {
                return error_set(error, r, "cannot watch over the program");
        }
        if (foreground->launch) {
                r = memory_watch_start(loop, foreground->launch, tell_memory, foreground, &memory,
                                       error);
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

int foreground_run(struct launch *launch, struct machine_error *error)
{
        struct foreground foreground = { .launch = launch, .pidfd = launch_pidfd(launch) };

        return stay(&foreground, launch_terminal(launch), error);
}

int foreground_follow(struct entered *entered, struct machine_error *error)
{
        struct foreground foreground = { .pidfd = entered->pidfd };
        int r = stay(&foreground, entered->terminal, error);
        int status = launch_leave(entered);

        return r < 0 ? r : status;
}
