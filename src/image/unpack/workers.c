/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process/process.h"
#include "base/process/program.h"
#include "image/unpack/worker_message.h"

/* Beside the running program, which is machinectl-lite-image. */
static const struct program unpack_program = {
        .name = "machinectl-lite-unpack",
        .purpose = "which unpacks images",
        .places = (const char *const[]){ "machinectl-lite-unpack", NULL },
};

/* The server inherits only the socket and the standard streams. */
static int spawn(const char *path, const char *layers_path, int socket_fd, pid_t *ret)
{
        char *const argv[] = { (char *)unpack_program.name, (char *)layers_path, NULL };
        posix_spawn_file_actions_t actions;
        int r = posix_spawn_file_actions_init(&actions);

        if (r != 0) {
                return -r;
        }
        r = posix_spawn_file_actions_adddup2(&actions, socket_fd, WORKER_SOCKET);
        if (r == 0) {
                r = posix_spawn_file_actions_addclosefrom_np(&actions, WORKER_SOCKET + 1);
        }
        if (r == 0) {
                r = posix_spawn(ret, path, &actions, NULL, argv, environ);
        }
        (void)posix_spawn_file_actions_destroy(&actions);
        return -r;
}

int workers_start(struct workers *workers, const char *layers_path, struct machine_error *error)
{
        _cleanup_free_ char *path = program_find(&unpack_program, error);
        int sockets[2], r;

        if (!path) {
                return -ENOENT;
        }
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) {
                return error_set(error, errno, "cannot create a socket");
        }
        r = spawn(path, layers_path, sockets[1], &workers->pid);
        fd_close(sockets[1]);
        if (r < 0) {
                fd_close(sockets[0]);
                return error_set(error, r, "cannot run %s", path);
        }
        workers->socket = sockets[0];
        return 0;
}

static int wait_until_ready(struct workers *workers, struct machine_error *error)
{
        struct worker_result ready;
        int r = worker_read_result(workers->socket, &ready, error);

        if (r == 0 && ready.status < 0) {
                r = worker_failed(&ready, error);
        }
        workers->ready = r == 0;
        return r;
}

void workers_stop(struct workers *workers)
{
        if (workers->pid > 0) {
                (void)kill(workers->pid, SIGKILL);
                (void)process_wait(workers->pid);
                workers->pid = 0;
        }
        workers->socket = fd_close(workers->socket);
}

int workers_submit(struct workers *workers, const struct worker_job *job,
                   const int fds[static WORKER_FDS], struct machine_error *error)
{
        struct worker_message message = { .job = *job };
        union worker_control control = { 0 };
        struct iovec data = { &message, sizeof message };
        struct msghdr header = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control };
        int sent[WORKER_FDS] = { 0 };
        int r = workers->ready ? 0 : wait_until_ready(workers, error);

        if (r < 0) {
                return r;
        }
        for (size_t i = 0; i < WORKER_FDS; i++) {
                if (fds[i] >= 0) {
                        sent[message.count] = fds[i];
                        message.which[message.count++] = (uint8_t)i;
                }
        }
        header.msg_controllen = CMSG_SPACE(message.count * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(message.count * sizeof(int));
        memcpy(CMSG_DATA(&control.header), sent, message.count * sizeof(int));
        if (sendmsg(workers->socket, &header, MSG_NOSIGNAL) < 0) {
                return error_set(error, errno, "the unpacking process has exited");
        }
        return 0;
}

int worker_read_result(int fd, struct worker_result *ret, struct machine_error *error)
{
        struct worker_result result = { 0 };
        size_t length = 0;

        while (length < sizeof result) {
                ssize_t n = read(fd, (char *)&result + length, sizeof result - length);

                if (n < 0 && errno == EINTR) {
                        continue;
                }
                if (n <= 0) {
                        error_say(error, EIO, "the unpacking process died before it finished");
                        error_hint(error, "check the kernel log for an out-of-memory kill");
                        return -EIO;
                }
                length += (size_t)n;
        }
        result.digest[sizeof result.digest - 1] = '\0';
        result.message[sizeof result.message - 1] = '\0';
        result.hint[sizeof result.hint - 1] = '\0';
        if (result.status > 0 ||
            (result.status == 0 && *result.digest && !digest_is_valid(result.digest))) {
                return error_say(error, EPROTO, "the unpacking process returned an invalid result");
        }
        *ret = result;
        return 0;
}

int worker_failed(const struct worker_result *result, struct machine_error *error)
{
        if (*result->message) {
                error_say(error, result->status, "%s", result->message);
        } else {
                error_set(error, result->status, "cannot read the archive");
        }
        if (*result->hint) {
                error_hint(error, "%s", result->hint);
        }
        return result->status;
}
