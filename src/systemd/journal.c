/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/journal.h"

#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"

#define SOCKET_PATH  "/run/systemd/journal/socket"
#define NAME_MAXIMUM 512

int journal_open(void)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SOCKET_PATH };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
                return errno == ECONNREFUSED ? -ENOENT : -errno;
        }
        return TAKE_FD(fd);
}

int journal_send(int fd, const char *machine, int priority, const char *text, size_t length)
{
        char head[2 * NAME_MAXIMUM + 64];
        uint64_t size = htole64(length);
        int head_length = snprintf(head, sizeof head,
                                   "PRIORITY=%d\nMACHINE=%.*s\nSYSLOG_IDENTIFIER=%.*s\nMESSAGE\n",
                                   priority, NAME_MAXIMUM, machine, NAME_MAXIMUM, machine);
        /* The form with a length: the text may hold any byte. */
        struct iovec parts[] = {
                { head, (size_t)head_length },
                { &size, sizeof size },
                { (char *)text, length },
                { (char *)"\n", 1 },
        };
        struct msghdr message = { .msg_iov = parts, .msg_iovlen = ELEMENTS_OF(parts) };

        while (sendmsg(fd, &message, MSG_NOSIGNAL) < 0) {
                if (errno != EINTR) {
                        return -errno;
                }
        }
        return 0;
}
