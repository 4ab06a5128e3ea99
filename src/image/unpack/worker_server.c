/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* machinectl-lite-unpack: reads archives of unknown origin, each in a confined, short-lived
 * process. It is a separate executable: its memory contains neither the libraries that talk to
 * registries nor their data or credentials, and verbs that do not unpack do not load its libraries.
 */

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/error.h"
#include "base/path.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "image/common/hash.h"
#include "image/layout.h"
#include "image/unpack/sandbox.h"
#include "image/unpack/worker_message.h"

/* Reports the failure of a worker before it could start. */
static void report_failure(int result_fd, const struct machine_error *error)
{
        struct worker_result result = { .status = error->number ? -error->number : -EIO };

        (void)snprintf(result.message, sizeof result.message, "%s",
                       error->message ? error->message : "");
        (void)snprintf(result.hint, sizeof result.hint, "%s", error->hint ? error->hint : "");
        (void)!write(result_fd, &result, sizeof result);
}

static int enter_sandbox(int layers_fd, const struct worker_job *job, struct machine_error *error)
{
        _cleanup_close_ int tree_fd = -EBADF;

        if (job->kind == WORKER_UNPACK) {
                _cleanup_free_ char *path = string_format("%s/" STORE_LAYER_TREE, job->directory);

                if (!path) {
                        return error_oom(error);
                }
                tree_fd = path_open_no_links(layers_fd, path, O_RDONLY | O_DIRECTORY, 0);
                if (tree_fd < 0) {
                        return error_set(error, tree_fd, "cannot open the new layer");
                }
        }
        return sandbox_enter(layers_fd, tree_fd, error);
}

/* Moves the worker's descriptors to the lowest numbers and closes all others. */
static int keep_only(int fds[static WORKER_FDS])
{
        for (int i = 0; i < WORKER_FDS; i++) {
                if (fds[i] < 0) {
                        continue;
                }
                fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 100 + i);
                if (fds[i] < 0) {
                        return -errno;
                }
        }
        for (int i = 0; i < WORKER_FDS; i++) {
                if (fds[i] < 0) {
                        continue;
                }
                if (dup3(fds[i], 3 + i, O_CLOEXEC) < 0) {
                        return -errno;
                }
                fds[i] = 3 + i;
        }
        return process_close_from(3 + WORKER_FDS);
}

static void worker_main(const struct worker_job *job, int fds[static WORKER_FDS])
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        /* The working directory was carried over into the new mount namespace; a descriptor would
         * still refer to the server's. */
        _cleanup_close_ int layers_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct decompress_source source = { 0 };
        int r = layers_fd < 0 ? error_set(&error, errno, "cannot open the store's layers") : 0;

        if (r == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) {
                r = error_set(&error, errno, "cannot tie the unpacker to its parent");
        }
        if (r == 0) {
                r = worker_prepare(job, fds, &source, &error);
        }
        if (r == 0) {
                r = enter_sandbox(layers_fd, job, &error);
        }
        if (r == 0) {
                r = keep_only(fds);
                layers_fd = -EBADF;
        }
        if (r == 0) {
                /* Modes come from the archive. */
                (void)umask(0);
                r = sandbox_confine(&error);
        }
        if (r < 0) {
                report_failure(fds[WORKER_RESULT], &error);
                return;
        }
        worker_run(job, fds, &source);
}

static pid_t fork_worker(const struct worker_job *job, int fds[static WORKER_FDS])
{
        struct clone_args arguments = {
                .flags = CLONE_NEWPID | CLONE_NEWNS,
                .exit_signal = SIGCHLD,
        };
        pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);

        if (pid == 0) {
                worker_main(job, fds);
                _exit(0);
        }
        return pid < 0 ? -errno : pid;
}

static int receive(int socket_fd, struct worker_job *ret_job, int ret_fds[static WORKER_FDS])
{
        struct worker_message message;
        union worker_control control;
        struct iovec data = { &message, sizeof message };
        struct msghdr header = {
                .msg_iov = &data,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof control,
        };
        struct cmsghdr *rights;
        ssize_t n;

        do {
                n = recvmsg(socket_fd, &header, MSG_CMSG_CLOEXEC);
        } while (n < 0 && errno == EINTR);
        if (n != (ssize_t)sizeof message) {
                return n < 0 ? -errno : -EPIPE;
        }
        rights = CMSG_FIRSTHDR(&header);
        for (int i = 0; i < WORKER_FDS; i++) {
                ret_fds[i] = -EBADF;
        }
        for (uint8_t i = 0; rights && i < message.count; i++) {
                memcpy(&ret_fds[message.which[i]], CMSG_DATA(rights) + i * sizeof(int),
                       sizeof(int));
        }
        *ret_job = message.job;
        return 0;
}

/* Ended workers are not reaped: SIGCHLD is ignored. Their pipe reports the end. */
static void serve(int socket_fd)
{
        for (;;) {
                struct worker_job job;
                int fds[WORKER_FDS];
                pid_t pid;

                if (receive(socket_fd, &job, fds) < 0) {
                        return;
                }
                pid = fork_worker(&job, fds);
                if (pid < 0) {
                        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

                        error_set(&error, pid, "cannot start a process to unpack with");
                        report_failure(fds[WORKER_RESULT], &error);
                }
                for (int i = 0; i < WORKER_FDS; i++) {
                        fd_close(fds[i]);
                }
        }
}

static int server_set_up(const char *layers_path, struct machine_error *error)
{
        digest_text unused;
        int r;

        /* Ctrl-C is for the parent, which ends the server by closing the socket. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || signal(SIGCHLD, SIG_IGN) == SIG_ERR ||
            signal(SIGINT, SIG_IGN) == SIG_ERR) {
                return error_set(error, errno, "cannot set signals");
        }
        r = sandbox_leave_host(error);
        if (r < 0) {
                return r;
        }
        if (chdir(layers_path) < 0) {
                return error_set(error, errno, "cannot open %s", layers_path);
        }
        /* OpenSSL reads its configuration on first use, which a worker could not do. */
        r = hash_memory("", 0, DIGEST_SHA256, unused);
        if (r == 0) {
                r = hash_memory("", 0, DIGEST_SHA512, unused);
        }
        return r < 0 ? error_set(error, r, "cannot compute a digest") : 0;
}

int main(int argc, char **argv)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        struct worker_result ready = { 0 };

        if (argc != 2 || argv[1][0] != '/') {
                (void)fputs(
                        "machinectl-lite-unpack: internal program, run by machinectl-lite-image\n",
                        stderr);
                return 64;
        }
        if (fcntl(WORKER_SOCKET, F_SETFD, FD_CLOEXEC) < 0) {
                return 1;
        }
        ready.status = server_set_up(argv[1], &error);
        (void)snprintf(ready.message, sizeof ready.message, "%s",
                       error.message ? error.message : "");
        if (send(WORKER_SOCKET, &ready, sizeof ready, MSG_NOSIGNAL) != (ssize_t)sizeof ready ||
            ready.status < 0) {
                return 1;
        }
        serve(WORKER_SOCKET);
        return 0;
}
