/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/foreground.h"

#include <errno.h>

#include "base/error.h"
#include "base/event.h"
#include "supervise/terminal.h"

/* The loop beside one machine. */
struct foreground {
        struct event_loop *loop;
        struct launch *launch;
        struct terminal *terminal; /* NULL: none */
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
        /* Whoever presses Ctrl-C twice does not want to wait for a payload that ignores it. */
        if (signal == SIGINT && foreground->interrupts++ > 0) {
                (void)launch_kill(foreground->launch);
                return 0;
        }
        /* ESRCH: it has ended, which the pidfd is about to tell. */
        (void)launch_signal(foreground->launch, signal);
        return 0;
}

static int on_ended(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct foreground *foreground = data;
        int status = launch_reap(foreground->launch);

        if (foreground->terminal) {
                terminal_drain(foreground->terminal);
        }
        event_exit(foreground->loop, status);
        return 0;
}

int foreground_run(struct launch *launch, struct machine_error *error)
{
        _cleanup_event_loop_ struct event_loop *loop = NULL;
        _cleanup_terminal_ struct terminal *terminal = NULL;
        struct foreground foreground = { .launch = launch };
        sigset_t signals;
        int r = event_loop_new(&loop);

        passed_on(&signals);
        foreground.loop = loop;
        if (r == 0) {
                r = event_add_signals(loop, &signals, on_signal, &foreground, NULL);
        }
        if (r == 0) {
                r = event_add_fd(loop, launch_pidfd(launch), EPOLLIN, on_ended, &foreground, NULL);
        }
        if (r < 0) {
                return error_set(error, r, "cannot watch over the machine");
        }
        if (launch_terminal(launch) >= 0) {
                r = terminal_join(loop, launch_terminal(launch), &terminal, error);
                if (r < 0) {
                        return r;
                }
                foreground.terminal = terminal;
        }
        return event_run(loop);
}
