/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/quantity.h"

/* Sends a text, with a descriptor unless that is negative. */
static int send_state(const char *state, int sent)
{
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        struct iovec data = { .iov_base = (char *)state, .iov_len = strlen(state) };
        struct msghdr message = { .msg_name = &address, .msg_iov = &data, .msg_iovlen = 1 };
        _cleanup_close_ int fd = -EBADF;
        size_t length;

        if (!path || !*path) {
                return 0;
        }
        length = strlen(path);
        if ((path[0] != '/' && path[0] != '@') || length >= sizeof address.sun_path) {
                return -EINVAL;
        }
        memcpy(address.sun_path, path, length);
        /* "@" is replaced by the NUL of an abstract socket. */
        if (path[0] == '@') {
                address.sun_path[0] = '\0';
        }
        message.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
        if (sent >= 0) {
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                control.header.cmsg_len = CMSG_LEN(sizeof(int));
                memcpy(CMSG_DATA(&control.header), &sent, sizeof(int));
                message.msg_control = &control;
                message.msg_controllen = sizeof control;
        }
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        return fd < 0 || sendmsg(fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int systemd_notify(const char *state)
{
        return send_state(state, -EBADF);
}

/* The manager closes its end of a pipe when it comes to it (sd_notify(3), "BARRIER=1"). */
void systemd_notify_barrier(int timeout)
{
        int ends[2];
        struct pollfd closed = { .events = 0 };

        if (pipe2(ends, O_CLOEXEC) < 0) {
                return;
        }
        closed.fd = ends[0];
        if (send_state("BARRIER=1", ends[1]) == 0) {
                ends[1] = fd_close(ends[1]);
                (void)poll(&closed, 1, timeout);
        }
        fd_close(ends[0]);
        fd_close(ends[1]);
}

uint64_t systemd_watchdog_interval(void)
{
        const char *text = getenv("WATCHDOG_USEC");
        const char *pid = getenv("WATCHDOG_PID");
        uint64_t usec, wanted;

        if (!text || quantity_parse_number(text, &usec) < 0) {
                return 0;
        }
        if (pid && (quantity_parse_number(pid, &wanted) < 0 || wanted != (uint64_t)getpid())) {
                return 0;
        }
        return usec / 2;
}
