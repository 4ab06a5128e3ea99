/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/tree/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/quantity.h"

#define WAIT_STEP (10 * USEC_PER_MSEC)

int cgroup_lock(const char *path)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat mine, there;

        if (fd < 0) {
                return errno == ENOENT ? -ESTALE : -errno;
        }
        if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &mine) < 0) {
                return -errno;
        }
        if (stat(path, &there) < 0 || there.st_ino != mine.st_ino || there.st_dev != mine.st_dev) {
                return -ESTALE;
        }
        return TAKE_FD(fd);
}

int cgroup_lock_wait(const char *path, uint64_t timeout)
{
        uint64_t start = log_now();
        int fd = cgroup_lock(path);

        while (fd == -EWOULDBLOCK && log_now() - start < timeout) {
                (void)usleep(WAIT_STEP);
                fd = cgroup_lock(path);
        }
        return fd;
}
