/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/enter/root.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/path.h"
#include "base/process/process.h"
#include "launch/context.h"
#include "launch/init/message.h"

struct reading {
        struct launch *launch;
        launch_root_reader reader;
        void *data;
        int socket; /* for the error */
};

static int enter_root(struct launch *launch, struct machine_error *error)
{
        int r;

        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || unshare(CLONE_NEWNS) < 0) {
                return error_set(error, errno, "cannot create a mount namespace");
        }
        r = rootfs_enter(launch->rootfs, error);
        return r < 0 ? r : rootfs_root(launch->rootfs);
}

static _Noreturn void run_reader(const struct reading *reading)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        int r = enter_root(reading->launch, &error);

        if (r >= 0) {
                r = reading->reader(r, reading->data, &error);
        }
        if (r < 0) {
                (void)message_send_error(reading->socket, &error);
        }
        _exit(r < 0 ? EXIT_FAILURE : r);
}

static int wait_for_reader(pid_t pid, int socket, struct machine_error *error)
{
        struct message message;
        int status;

        if (message_receive(socket, &message) > 0 && message.type == MESSAGE_ERROR) {
                (void)process_wait(pid);
                error_move(error, &message.error);
                return error && error->number ? -error->number : -EIO;
        }
        status = process_wait(pid);
        return status < 0 ? error_set(error, status,
                                      "cannot wait for the process that reads the "
                                      "machine's root")
                          : status;
}

static int read_root(struct reading *reading, struct machine_error *error)
{
        int sockets[2];
        pid_t pid;
        int r;

        r = message_socket_pair(sockets);
        if (r < 0) {
                return error_set(error, r, "cannot create a socket pair");
        }
        reading->socket = sockets[1];
        pid = fork();
        if (pid == 0) {
                fd_close(sockets[0]);
                run_reader(reading);
        }
        fd_close(sockets[1]);
        r = pid < 0 ? error_set(error, errno, "cannot start a process")
                    : wait_for_reader(pid, sockets[0], error);
        fd_close(sockets[0]);
        return r;
}

int launch_read_root(struct machine *machine, const struct launch_options *options,
                     launch_root_reader reader, void *data, struct machine_error *error)
{
        _Alignas(16) char stack[MAKER_STACK_SIZE];
        const struct launch_options own = {
                .directories = options->directories,
                .log = options->log,
                .streams = LAUNCH_OWN_STREAMS,
        };
        size_t mount_count = machine->mount_count;
        struct reading reading = { .reader = reader, .data = data };
        int r, undone;

        machine->mount_count = 0;
        machine->root.read_only = true;
        machine->namespaces.user = MACHINE_USER_NAMESPACE_NONE;
        r = launch_run(machine, &own, launch_storage_steps, NULL, stack, &reading.launch, error);
        machine->mount_count = mount_count;
        if (r < 0) {
                return r;
        }
        r = read_root(&reading, error);
        undone = launch_finish(reading.launch, r < 0 ? NULL : error);
        return undone < 0 && r >= 0 ? undone : r;
}

bool launch_root_boots(int root_fd)
{
        for (size_t i = 0; i < LAUNCH_INIT_PLACES; i++) {
                _cleanup_close_ int fd =
                        path_open_in_root(root_fd, launch_init_places[i], O_PATH, 0);
                struct stat info;

                if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
                    (info.st_mode & 0111)) {
                        return true;
                }
        }
        return false;
}
