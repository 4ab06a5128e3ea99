/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/common/hand_over.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"

/* The path may be longer than an address can be, but not that of its descriptor. */
static int connect_to(const char *path)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int place = open(path, O_PATH | O_CLOEXEC);
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (place < 0 || fd < 0) {
                return -errno;
        }
        (void)snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", place);
        return connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -errno : TAKE_FD(fd);
}

/* The data is a name, which receivers show at most. */
static int send_fd(int socket, int fd, const char *name)
{
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        struct iovec data = { .iov_base = (char *)name, .iov_len = strlen(name) };
        struct msghdr message = {
                .msg_iov = &data,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof control,
        };
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);

        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(int));
        return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int send_to(const char *path, int fd, const char *name, struct machine_error *error)
{
        _cleanup_close_ int socket = path ? connect_to(path) : -EBADF;
        int r = path && socket < 0 ? socket : path ? send_fd(socket, fd, name) : 0;

        return r < 0 ? error_set(error, r, "cannot send %s to the socket %s", name, path) : 0;
}

static int write_pid_file(const char *path, pid_t pid, struct machine_error *error)
{
        char text[16];
        int r;

        if (!path) {
                return 0;
        }
        (void)snprintf(text, sizeof text, "%d", pid);
        r = file_replace(AT_FDCWD, path, text, strlen(text), 0644);
        return r < 0 ? error_set(error, r, "cannot write the pid file %s", path) : 0;
}

int hand_over_process(const struct arguments *arguments, const struct waiting_process *process,
                      struct machine_error *error)
{
        int r = send_to(arguments->values[ARGUMENT_CONSOLE_SOCKET], process->terminal, "/dev/ptmx",
                        error);

        if (r == 0) {
                r = send_to(arguments->values[ARGUMENT_PIDFD_SOCKET], process->pidfd, "pidfd",
                            error);
        }
        return r < 0 ? r
                     : write_pid_file(arguments->values[ARGUMENT_PID_FILE], process->pid, error);
}
