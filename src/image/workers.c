/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/path.h"
#include "base/process.h"
#include "base/strings.h"
#include "image/hash.h"
#include "image/layout.h"
#include "image/sandbox.h"
#include "image/worker.h"

/* What a job's descriptors look like on the way: those that it has, and which they are. */
struct message {
        struct worker_job job;
        uint8_t which[WORKER_FDS];
        uint8_t count;
};

union control {
        struct cmsghdr header;
        char space[CMSG_SPACE(WORKER_FDS * sizeof(int))];
};

/* A worker's failure before it could begin. */
static void report_failure(int result_fd, const struct machine_error *error)
{
        struct worker_result result = { .status = -EIO };

        (void)snprintf(result.message, sizeof result.message, "%s",
                       error->message ? error->message : "");
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

/* The worker's own descriptors get the lowest numbers, all others are closed. */
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
        /* The working directory came along into the new mount namespace; a descriptor would still
         * be of the server's. */
        _cleanup_close_ int layers_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r = layers_fd < 0 ? error_set(&error, errno, "cannot open the store's layers") : 0;

        if (r == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) {
                r = error_set(&error, errno, "cannot tie the unpacker to its parent");
        }
        if (r == 0) {
                r = enter_sandbox(layers_fd, job, &error);
        }
        if (r == 0) {
                r = keep_only(fds);
                layers_fd = -EBADF;
        }
        if (r == 0) {
                /* Modes are the archive's. */
                (void)umask(0);
                r = sandbox_confine(&error);
        }
        if (r < 0) {
                report_failure(fds[WORKER_RESULT], &error);
                return;
        }
        worker_run(job, fds);
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
        struct message message;
        union control control;
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

/* Ended workers need no burial: their parent ignores SIGCHLD. Their pipe's end tells. */
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

        /* Ctrl-C is for the parent: it ends the server by closing the socket. */
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
        /* OpenSSL reads its configuration at first use, which a worker could not. */
        r = hash_memory("", 0, unused);
        return r < 0 ? error_set(error, r, "cannot compute SHA-256") : 0;
}

static void server_main(int socket_fd, const char *layers_path)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        struct worker_result ready = { 0 };

        ready.status = server_set_up(layers_path, &error);
        (void)snprintf(ready.message, sizeof ready.message, "%s",
                       error.message ? error.message : "");
        if (send(socket_fd, &ready, sizeof ready, MSG_NOSIGNAL) != (ssize_t)sizeof ready ||
            ready.status < 0) {
                return;
        }
        serve(socket_fd);
}

int workers_start(const char *layers_path, struct workers *ret, struct machine_error *error)
{
        struct workers workers = WORKERS_INIT;
        int sockets[2], r;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) {
                return error_set(error, errno, "cannot make a socket");
        }
        workers.pid = fork();
        if (workers.pid == 0) {
                fd_close(sockets[0]);
                server_main(sockets[1], layers_path);
                _exit(0);
        }
        r = errno;
        fd_close(sockets[1]);
        workers.socket = sockets[0];
        if (workers.pid < 0) {
                fd_close(workers.socket);
                return error_set(error, r, "cannot start a process to unpack with");
        }
        *ret = workers;
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
        struct message message = { .job = *job };
        union control control = { 0 };
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
                return error_set(error, errno, "the process that unpacks is gone");
        }
        return 0;
}
