/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The caller's side of a program that enters a machine; the other side is in launch/enter/enter.c
 * and launch/init/join.c. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process/process.h"
#include "launch/enter/enter.h"
#include "launch/init/message.h"
#include "launch/init/plan.h"

/* How long, in milliseconds, a companion may take to report an end that was already seen. The
 * caller must not wait for one that the machine prevents from running. */
#define REPORT_TIMEOUT 5000

/* How long a companion may take to end all processes of the program. */
#define COMPANION_TIMEOUT 500

/* The same for entering, where the machine's limits and its freezer already apply. */
#define START_TIMEOUT 20000

/* PIDFD_SIGNAL_PROCESS_GROUP of linux/pidfd.h, which most hosts' headers do not have yet. */
#define SIGNAL_PROCESS_GROUP (1 << 2)

/* Both callers and their children block it until machine-init waits for it. */
static void notify_companion(const struct entered *entered)
{
        if (entered->whole && entered->companion >= 0) {
                (void)syscall(SYS_pidfd_send_signal, entered->companion, INIT_WHOLE_SIGNAL, NULL,
                              0);
        }
}

void launch_entered_end_whole(struct entered *entered)
{
        entered->whole = true;
        notify_companion(entered);
}

static void take_descriptor(int *place, int fd)
{
        fd_close(*place);
        *place = fd;
}

/* The other side is gone; if the program was running, together with the machine. */
static int take_end(struct entered *entered, struct machine_error *error)
{
        if (!entered->running) {
                return error_say(error, ECHILD,
                                 "the process in the machine ended before the program was started, "
                                 "without an error message");
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
                return error_set(error, r,
                                 "cannot read the messages of the process in the machine");
        }
        if (r == 0) {
                return take_end(entered, error);
        }
        switch (message.type) {
        case MESSAGE_COMPANION:
                take_descriptor(&entered->companion, message.fd);
                notify_companion(entered);
                return 0;
        case MESSAGE_TERMINAL:
                take_descriptor(&entered->terminal, message.fd);
                return 0;
        case MESSAGE_READY:
                entered->ready = true;
                return 0;
        case MESSAGE_PROCESS:
                take_descriptor(&entered->pidfd, message.fd);
                /* Otherwise it died before its execve(2), and its end is reported next. */
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
                return error_say(error, EBADMSG,
                                 "the process in the machine sent an invalid message");
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

void launch_entered_kill(struct entered *entered)
{
        entered->whole = true;
        /* Its companion notices, kills all processes of the program and reaps them: immediately, or
         * as soon as it runs. */
        (void)shutdown(entered->socket, SHUT_WR);
}

/* The flag came with Linux 6.9. Older kernels need the number of the group, which is not reused
 * until the program is reaped. */
static int signal_group(int pidfd, int signal)
{
        _cleanup_free_ char *text = NULL;
        const char *pid;
        char path[64];

        if (syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, SIGNAL_PROCESS_GROUP) == 0) {
                return 0;
        }
        if (errno != EINVAL) {
                return -errno;
        }
        (void)snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
        if (file_read(AT_FDCWD, path, 4096, &text, NULL) < 0) {
                return -ESRCH;
        }
        pid = strstr(text, "Pid:");
        return pid && atoi(pid + 4) > 1 && kill(-atoi(pid + 4), signal) == 0 ? 0 : -ESRCH;
}

void launch_entered_signal(const struct entered *entered, int signal)
{
        /* A program that has joined another group gets the signal itself. */
        if (signal_group(entered->pidfd, signal) < 0) {
                (void)syscall(SYS_pidfd_send_signal, entered->pidfd, signal, NULL, 0);
        }
}

/* Reaps the helper, which exits with its children, and they with the program. If something prevents
 * that, it is not killed: nothing else is known to reap its children. */
static void end_helper(int helper)
{
        struct pollfd ended = { .fd = helper, .events = POLLIN };
        siginfo_t info;

        if (helper >= 0 && poll(&ended, 1, REPORT_TIMEOUT) > 0) {
                (void)waitid(P_PIDFD, (id_t)helper, &info, WEXITED);
        }
}

/* Handles messages, waiting for each up to a timeout in milliseconds. Whether the end was reported.
 */
static bool take_rest(struct entered *entered, int timeout)
{
        struct pollfd messages = { .fd = entered->socket, .events = POLLIN };
        int r = 0;

        while (r == 0 && !entered->ended) {
                if (poll(&messages, 1, timeout) <= 0) {
                        return false;
                }
                /* The end is the last message even if the program was not started. */
                r = launch_entered_next(entered, NULL);
        }
        return true;
}

static bool has_ended(const struct entered *entered)
{
        struct pollfd program = { .fd = entered->pidfd, .events = POLLIN };

        return program.fd >= 0 && poll(&program, 1, 0) > 0;
}

/* Avoids killing the companion: it may be the only process that reaps the program. */
static void end_program(struct entered *entered)
{
        if (entered->running && has_ended(entered)) {
                (void)take_rest(entered, REPORT_TIMEOUT);
        }
        if (entered->socket < 0 || entered->ended) {
                return;
        }
        launch_entered_kill(entered);
        if (take_rest(entered, COMPANION_TIMEOUT)) {
                return;
        }
        if (entered->group.path) {
                (void)cgroup_kill(&entered->group, NULL);
        }
        kill_by_pidfd(entered->pidfd);
        (void)take_rest(entered, REPORT_TIMEOUT);
}

int launch_leave(struct entered *entered)
{
        int status;

        end_program(entered);
        kill_by_pidfd(entered->companion);
        status = entered->ended ? entered->status : process_exit_status(CLD_KILLED, SIGKILL);
        fd_close(entered->socket);
        fd_close(entered->pidfd);
        fd_close(entered->companion);
        fd_close(entered->terminal);
        if (entered->whole) {
                cgroup_end_program(&entered->group, true);
        }
        /* Its children were in the group, which is not removed while they exit. */
        end_helper(entered->helper);
        cgroup_end_program(&entered->group, false);
        fd_close(entered->helper);
        *entered = (struct entered)ENTERED_INIT;
        return status;
}
