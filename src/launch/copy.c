/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/path.h"
#include "base/process.h"
#include "launch/copy_tree.h"
#include "launch/message.h"

/* The root that the machine's first process has, in its mount namespace. */
static int open_machine_root(const struct copy_request *request, struct machine_error *error)
{
        char path[40];
        int fd;

        snprintf(path, sizeof path, "/proc/%d/root", request->record->init.pid);
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
                return error_set(error, errno, "cannot open the root of machine \"%s\"",
                                 request->record->name);
        }
        /* Only if that process still lives now was the number its own when it was opened. */
        if (syscall(SYS_pidfd_send_signal, request->init, 0, NULL, 0) < 0) {
                fd_close(fd);
                return error_say(error, ESRCH, "machine \"%s\" has just ended",
                                 request->record->name);
        }
        return fd;
}

/* Gives up all rights but those of the machine's root. */
static int become_root_of_machine(const struct copy_request *request, struct machine_error *error)
{
        if (prctl(PR_SET_DUMPABLE, 0) < 0) {
                return error_set(error, errno, "cannot make this process untraceable");
        }
        if (request->record->user_count > 0 &&
            (setgroups(0, NULL) < 0 || setns(request->init, CLONE_NEWUSER) < 0 ||
             setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)) {
                return error_set(error, errno, "cannot become root of machine \"%s\"",
                                 request->record->name);
        }
        /* After the change of credentials, which clears it. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
                return error_set(error, errno, "cannot bind this process to the command");
        }
        return 0;
}

static _Noreturn void run_machine_side(const struct copy_request *request, int root_fd, int items,
                                       int socket)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        int r = become_root_of_machine(request, &error);

        if (r == 0) {
                r = request->into_machine ? copy_receive(items, root_fd, request->to, &error)
                                          : copy_send(items, root_fd, request->from, &error);
        }
        if (r < 0 && error_is_set(&error)) {
                (void)message_send_error(socket, &error);
        }
        _exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* On the host a path is what it is for the caller. */
static int do_host_side(const struct copy_request *request, int items, struct machine_error *error)
{
        _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        const char *given = request->into_machine ? request->from : request->to;
        _cleanup_free_ char *here = given[0] == '/' ? NULL : get_current_dir_name();
        _cleanup_free_ char *path = path_join(here ? here : "/", given);

        if (root < 0 || !path || (given[0] != '/' && !here)) {
                return error_set(error, errno ? errno : ENOMEM, "cannot open \"%s\"", given);
        }
        return request->into_machine ? copy_send(items, root, path, error)
                                     : copy_receive(items, root, path, error);
}

/* The machine's side knows the reason where it was first to go. */
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

int launch_copy(const struct copy_request *request, struct machine_error *error)
{
        _cleanup_close_ int root = open_machine_root(request, error);
        int items[2], sockets[2] = { -EBADF, -EBADF };
        pid_t pid;
        int r;

        if (root < 0) {
                return root;
        }
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, items) < 0) {
                return error_set(error, errno, "cannot make a socket pair");
        }
        r = message_socket_pair(sockets);
        pid = r < 0 ? r : fork();
        if (pid == 0) {
                fd_close(items[0]);
                fd_close(sockets[0]);
                run_machine_side(request, root, items[1], sockets[1]);
        }
        if (pid < 0) {
                r = error_set(error, r < 0 ? r : errno, "cannot make a process that copies");
        }
        fd_close(items[1]);
        fd_close(sockets[1]);
        if (pid > 0) {
                r = do_host_side(request, items[0], error);
                items[0] = fd_close(items[0]);
                r = settle(r, pid, sockets[0], error);
        }
        fd_close(items[0]);
        fd_close(sockets[0]);
        return r;
}
