/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/quantity.h"

int systemd_notify(const char *state)
{
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un address = { .sun_family = AF_UNIX };
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
        /* "@" stands for the NUL of an abstract socket. */
        if (path[0] == '@') {
                address.sun_path[0] = '\0';
        }
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
                             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0) {
                return -errno;
        }
        return 0;
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
