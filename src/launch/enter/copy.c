/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/enter/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/path.h"
#include "base/process/process.h"
#include "launch/enter/copy_sides.h"
#include "launch/enter/copy_tree.h"
#include "launch/init/message.h"
#include "security/become.h"

/* ---- the two processes ---- */

int copy_host_path(const struct copy_request *request, char **ret, struct machine_error *error)
{
        const char *given = request->into_machine ? request->from : request->to;
        _cleanup_free_ char *here = given[0] == '/' ? NULL : get_current_dir_name();

        *ret = given[0] == '/' || here ? path_join(here ? here : "/", given) : NULL;
        return *ret ? 0 : error_set(error, errno, "cannot open \"%s\"", given);
}

int copy_become_root(int user_namespace)
{
        if (user_namespace >= 0 &&
            (security_drop_groups() < 0 || setns(user_namespace, CLONE_NEWUSER) < 0 ||
             setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)) {
                return -errno;
        }
        /* After the change of credentials, which clears the parent death signal and sets dumpable
         * to the sysctl fs.suid_dumpable. */
        return prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ? -errno : 0;
}

static _Noreturn void run_machine_side(const struct copy_sides *sides, int items, int socket)
{
        const struct copy_request *request = sides->request;
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        struct copy_end end = {
                .socket = items,
                .path = request->into_machine ? request->to : request->from,
                .archive = request->archive,
        };
        int r = end.root_fd = sides->enter_machine(sides->data, &error);

        if (r >= 0) {
                r = request->into_machine ? copy_receive(&end, &error) : copy_send(&end, &error);
        }
        if (r < 0 && error_is_set(&error)) {
                (void)message_send_error(socket, &error);
        }
        _exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* On the host, paths are resolved as the caller sees them. */
static int do_host_side(const struct copy_sides *sides, int items, struct machine_error *error)
{
        const struct copy_end end = {
                .socket = items,
                .root_fd = sides->host_root,
                .path = sides->host_path,
                .archive = sides->request->archive,
                .on_host = true,
        };

        return sides->request->into_machine ? copy_send(&end, error) : copy_receive(&end, error);
}

/* If the machine's side exited first, it knows the reason. */
static int settle(int r, pid_t pid, int socket, struct machine_error *error)
{
        struct message message;
        int status;

        if (r < 0 && r != -EPIPE) {
                (void)process_wait(pid);
                return r;
        }
        if (message_receive(socket, &message) > 0 && message.type == MESSAGE_ERROR) {
                (void)process_wait(pid);
                error_move(error, &message.error);
                return error && error->number ? -error->number : -EIO;
        }
        status = process_wait(pid);
        return status == 0 && r == 0
                       ? 0
                       : error_say(error, ECHILD, "the copying process ended without saying why");
}

int copy_between(const struct copy_sides *sides, struct machine_error *error)
{
        int items[2], sockets[2] = { -EBADF, -EBADF };
        pid_t pid;
        int r;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, items) < 0) {
                return error_set(error, errno, "cannot create a socket pair");
        }
        r = message_socket_pair(sockets);
        pid = r < 0 ? r : fork();
        if (pid == 0) {
                fd_close(items[0]);
                fd_close(sockets[0]);
                run_machine_side(sides, items[1], sockets[1]);
        }
        if (pid < 0) {
                r = error_set(error, r < 0 ? r : errno, "cannot create a process that copies");
        }
        fd_close(items[1]);
        fd_close(sockets[1]);
        if (pid > 0) {
                r = do_host_side(sides, items[0], error);
                items[0] = fd_close(items[0]);
                r = settle(r, pid, sockets[0], error);
        }
        fd_close(items[0]);
        fd_close(sockets[0]);
        return r;
}

/* ---- a running machine ---- */

struct running {
        const struct machine_record *record;
        int init;
        int root;
};

/* The root of the machine's first process, in its mount namespace. */
static int open_machine_root(const struct running *running, struct machine_error *error)
{
        char path[40];
        int fd;

        snprintf(path, sizeof path, "/proc/%d/root", running->record->init.pid);
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
                return error_set(error, errno, "cannot open the root of machine \"%s\"",
                                 running->record->name);
        }
        /* The pid referred to that process at the open only if the process is still alive now. */
        if (syscall(SYS_pidfd_send_signal, running->init, 0, NULL, 0) < 0) {
                fd_close(fd);
                return error_say(error, ESRCH, "machine \"%s\" has just ended",
                                 running->record->name);
        }
        return fd;
}

static int enter_running(void *data, struct machine_error *error)
{
        const struct running *running = data;
        int r = copy_become_root(running->record->user_count > 0 ? running->init : -EBADF);

        return r < 0 ? error_set(error, r, "cannot become root of machine \"%s\"",
                                 running->record->name)
                     : running->root;
}

int launch_copy(const struct copy_request *request, const struct machine_record *record, int init,
                struct machine_error *error)
{
        _cleanup_close_ int host_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_close_ int root = -EBADF;
        struct running running = { .record = record, .init = init };
        _cleanup_free_ char *path = NULL;
        int r = host_root < 0 ? error_set(error, errno, "cannot open \"/\"")
                              : copy_host_path(request, &path, error);

        if (r == 0) {
                r = running.root = root = open_machine_root(&running, error);
        }
        if (r >= 0) {
                const struct copy_sides sides = { request, host_root, path, enter_running,
                                                  &running };

                r = copy_between(&sides, error);
        }
        return r;
}
