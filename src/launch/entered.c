/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The caller's side of a program that enters a machine: launch/enter.c has the other. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "launch/enter.h"
#include "launch/message.h"

/* How long, in milliseconds, a companion may take to tell of an end that was seen already. One that
 * the machine keeps from running shall not keep the caller waiting. */
#define REPORT_TIMEOUT 5000

/* The same for the way in, on which the machine's limits and its freezer apply already. */
#define START_TIMEOUT 20000

static void take_descriptor(int *place, int fd)
{
        fd_close(*place);
        *place = fd;
}

/* The other side is gone: with the machine, if the program ran. */
static int take_end(struct entered *entered, struct machine_error *error)
{
        if (!entered->running) {
                return error_say(error, ECHILD,
                                 "the process in the machine ended before the program was started, "
                                 "without saying why");
        }
        entered->status = process_exit_status(CLD_KILLED, SIGKILL);
        entered->ended = true;
        return 0;
}

int launch_entered_next(struct entered *entered, struct machine_error *error)
{
        struct message message;
        int r = message_receive(entered->socket, &message);

        if (r < 0) {
                return error_set(error, r, "cannot read what the process in the machine says");
        }
        if (r == 0) {
                return take_end(entered, error);
        }
        switch (message.type) {
        case MESSAGE_COMPANION:
                take_descriptor(&entered->companion, message.fd);
                return 0;
        case MESSAGE_TERMINAL:
                take_descriptor(&entered->terminal, message.fd);
                return 0;
        case MESSAGE_READY:
                entered->ready = true;
                return 0;
        case MESSAGE_PROCESS:
                take_descriptor(&entered->pidfd, message.fd);
                /* Else it died before its execve(2), and the end comes next. */
                entered->running = entered->ready;
                return 0;
        case MESSAGE_ENDED:
                entered->status = message.status & 0xff;
                entered->ended = entered->running;
                return 0;
        case MESSAGE_ERROR:
                error_move(error, &message.error);
                return error && error->number ? -error->number : -ECHILD;
        default:
                fd_close(message.fd);
                return error_say(error, EBADMSG, "the process in the machine sent nonsense");
        }
}

int launch_enter(const struct enter_request *request, struct entered *ret,
                 struct machine_error *error)
{
        struct entered entered = ENTERED_INIT;
        int r = launch_enter_begin(request, &entered, error);

        while (r == 0 && !entered.running) {
                struct pollfd said = { .fd = entered.socket, .events = POLLIN };

                if (poll(&said, 1, START_TIMEOUT) == 0) {
                        r = error_say(error, ETIMEDOUT, "the program was not started within %d s",
                                      START_TIMEOUT / 1000);
                        error_hint(error, "the machine may be paused, or have used up a limit");
                } else {
                        r = launch_entered_next(&entered, error);
                }
        }
        if (r < 0) {
                (void)launch_leave(&entered);
                return r;
        }
        *ret = entered;
        return 0;
}

static void kill_by_pidfd(int pidfd)
{
        if (pidfd >= 0) {
                (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
        }
}

void launch_entered_kill(const struct entered *entered)
{
        kill_by_pidfd(entered->pidfd >= 0 ? entered->pidfd : entered->companion);
}

/* Reaps the helper, which ends with its children, and they with the program. One that is kept from
 * it is left alone: without it they would be reaped by nobody who is known to do it. */
static void end_helper(int helper)
{
        struct pollfd ended = { .fd = helper, .events = POLLIN };
        siginfo_t info;

        if (helper >= 0 && poll(&ended, 1, REPORT_TIMEOUT) > 0) {
                (void)waitid(P_PIDFD, (id_t)helper, &info, WEXITED);
        }
}

int launch_leave(struct entered *entered)
{
        struct pollfd told = { .fd = entered->socket, .events = POLLIN };
        int status;

        /* Not the companion, if it can be helped: nobody else may be there to reap the program. */
        do {
                kill_by_pidfd(entered->pidfd);
        } while (told.fd >= 0 && !entered->ended && poll(&told, 1, REPORT_TIMEOUT) > 0 &&
                 launch_entered_next(entered, NULL) == 0);
        kill_by_pidfd(entered->companion);
        status = entered->ended ? entered->status : process_exit_status(CLD_KILLED, SIGKILL);
        fd_close(entered->socket);
        fd_close(entered->pidfd);
        fd_close(entered->companion);
        fd_close(entered->terminal);
        end_helper(entered->helper);
        fd_close(entered->helper);
        *entered = (struct entered)ENTERED_INIT;
        return status;
}
