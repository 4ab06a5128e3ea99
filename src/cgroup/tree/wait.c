/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/tree/wait.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>

#include "base/error.h"
#include "base/log.h"
#include "base/quantity.h"
#include "cgroup/tree/flat.h"

static int read_key(int fd, const char *key)
{
        char text[256];
        uint64_t value;
        ssize_t n = pread(fd, text, sizeof text - 1, 0);
        int r;

        if (n < 0) {
                return -errno;
        }
        text[n] = '\0';
        r = flat_get(text, key, &value);
        return r < 0 ? r : value != 0;
}

static int open_events(int directory_fd)
{
        int fd = openat(directory_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

int cgroup_read_event(int directory_fd, const char *key)
{
        _cleanup_close_ int fd = open_events(directory_fd);

        return fd < 0 ? fd : read_key(fd, key);
}

int cgroup_wait_event(int directory_fd, const char *key, bool value, uint64_t timeout)
{
        _cleanup_close_ int fd = open_events(directory_fd);
        uint64_t start = log_now();

        if (fd < 0) {
                return fd;
        }
        for (;;) {
                struct pollfd poll_fd = { .fd = fd, .events = POLLPRI };
                uint64_t passed = log_now() - start;
                uint64_t left;
                int r = read_key(fd, key);

                if (r < 0 || r == value) {
                        return r < 0 ? r : 0;
                }
                if (passed >= timeout) {
                        return -ETIMEDOUT;
                }
                left = (timeout - passed) / USEC_PER_MSEC + 1;
                if (poll(&poll_fd, 1, left > INT_MAX ? INT_MAX : (int)left) < 0 && errno != EINTR) {
                        return -errno;
                }
        }
}
