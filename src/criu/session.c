/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A process of CRIU, and the conversation with it. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "criu/program.h"
#include "criu/session.h"

/* Behind it is what CRIU inherits: CRIU_INHERITED_FIRST. */
#define SOCKET_FD 3
/* Descriptors are first moved away from these numbers. */
#define SPARE_FD 64

/* ---- starting ---- */

static int enter_group(const struct criu_start *start)
{
        if (start->group < 0) {
                return 0;
        }
        if (file_write_value(start->group, "cgroup.procs", "0") < 0) {
                return -1;
        }
        return start->own_group_root ? unshare(CLONE_NEWCGROUP) : 0;
}

/* All are copied before any is overwritten. */
static int place(const struct criu_start *start, int socket)
{
        int copies[CRIU_INHERITED_MAXIMUM + 1] = { fcntl(socket, F_DUPFD_CLOEXEC, SPARE_FD) };
        size_t count = 1;

        for (; count <= CRIU_INHERITED_MAXIMUM && start->inherited[count - 1].key; count++) {
                copies[count] = fcntl(start->inherited[count - 1].fd, F_DUPFD_CLOEXEC, SPARE_FD);
        }
        for (size_t i = 0; i < count; i++) {
                if (copies[i] < 0 || dup2(copies[i], SOCKET_FD + (int)i) < 0) {
                        return -1;
                }
        }
        return process_close_from(SOCKET_FD + (int)count);
}

static int take_null(void)
{
        _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
                if (dup2(null, fd) < 0) {
                        return -1;
                }
        }
        return 0;
}

static _Noreturn void become(const char *path, const struct criu_start *start, int socket)
{
        static char *const environment[] = {
                (char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                (char *)"LC_ALL=C", NULL
        };
        char *const arguments[] = { (char *)"criu", (char *)"swrk", (char *)"3", NULL };

        process_reset_handlers();
        process_unblock_signals();
        /* A session of its own: what CRIU restores must not be in the caller's. */
        (void)setsid();
        if (enter_group(start) < 0 || take_null() < 0 || place(start, socket) < 0) {
                _exit(EXIT_FAILURE);
        }
        (void)execve(path, arguments, environment);
        _exit(EXIT_FAILURE);
}

int criu_begin(const struct criu_start *start, uint64_t timeout, struct criu *ret,
               struct machine_error *error)
{
        _cleanup_free_ char *path = criu_path();
        int ends[2];

        *ret = (struct criu)CRIU_INIT;
        if (!path) {
                return criu_missing(error);
        }
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
                return error_set(error, errno, "cannot create a socket pair for CRIU");
        }
        ret->deadline = log_now() + timeout;
        ret->pid = process_fork(0, NULL);
        if (ret->pid == 0) {
                become(path, start, ends[1]);
        }
        fd_close(ends[1]);
        if (ret->pid < 0) {
                int r = error_set(error, (int)ret->pid, "cannot start CRIU");

                ret->pid = 0;
                fd_close(ends[0]);
                return r;
        }
        ret->socket = ends[0];
        return 0;
}

void criu_end(struct criu *criu)
{
        criu->socket = fd_close(criu->socket);
        if (criu->pid > 0) {
                (void)kill(criu->pid, SIGKILL);
                (void)process_wait(criu->pid);
                criu->pid = 0;
        }
}

/* ---- talking ---- */

int criu_send(struct criu *criu, struct wire *message, struct machine_error *error)
{
        ssize_t n;

        if (message->failed) {
                return error_oom(error);
        }
        n = send(criu->socket, message->data, message->size, MSG_NOSIGNAL);
        return n < 0 ? error_set(error, errno, "cannot talk to CRIU") : 0;
}

static int await(struct criu *criu, struct machine_error *error)
{
        for (;;) {
                struct pollfd socket = { .fd = criu->socket, .events = POLLIN };
                uint64_t now = log_now();
                int r = poll(&socket, 1,
                             now < criu->deadline ? (int)((criu->deadline - now) / 1000) + 1 : 0);

                if (r > 0) {
                        return 0;
                }
                if (r == 0 && now >= criu->deadline) {
                        error_say(error, ETIMEDOUT, "CRIU was not ready in time, and was ended");
                        error_hint(error, "give it more time with --timeout");
                        return -ETIMEDOUT;
                }
                if (r < 0 && errno != EINTR) {
                        return error_set(error, errno, "cannot wait for CRIU");
                }
        }
}

int criu_receive(struct criu *criu, uint8_t *buffer, struct wire_reader *ret,
                 struct machine_error *error)
{
        int r = await(criu, error);
        ssize_t n;

        if (r < 0) {
                return r;
        }
        n = recv(criu->socket, buffer, CRIU_MESSAGE_MAXIMUM, MSG_TRUNC);
        if (n < 0 && errno != ECONNRESET) {
                return error_set(error, errno, "cannot talk to CRIU");
        }
        if (n <= 0) {
                return error_say(error, ECHILD, "CRIU has ended without an answer");
        }
        if ((size_t)n > CRIU_MESSAGE_MAXIMUM) {
                return error_say(error, EBADMSG, "CRIU sent a message that is too long");
        }
        *ret = (struct wire_reader){ buffer, buffer + n };
        return 0;
}
