/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/state/sharing.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strings.h"

#define MARKS "shared"

struct network_lease *sharing_find(const struct network_table *table, const char *machine)
{
        TABLE_FOREACH_LEASE(lease, table)
        {
                if (string_equal(lease->shares, machine) && lease_is_live(lease)) {
                        return lease;
                }
        }
        return NULL;
}

bool sharing_hand_over(const struct network_table *table, struct network_lease *lease)
{
        const struct network_lease *heir = sharing_find(table, lease->machine);

        if (!heir) {
                return false;
        }
        lease->owner = heir->owner;
        lease->kept = true;
        leases_clear_word(table, lease);
        return true;
}

int sharing_open(const struct network_lease *lease)
{
        _cleanup_close_ int fd = -EBADF;
        char path[64];

        (void)snprintf(path, sizeof path, "/proc/%d/fd/%llu", (int)lease->owner.pid,
                       (unsigned long long)lease->descriptor);
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        /* Still the same process: it holds the descriptor as long as it has the lease. */
        return fd >= 0 && ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET && lease_is_live(lease)
                       ? TAKE_FD(fd)
                       : -ENOENT;
}

int sharing_mark(const char *directory, const char *machine)
{
        _cleanup_free_ char *path = string_format("%s/" MARKS, directory);
        _cleanup_close_ int marks = -EBADF, fd = -EBADF;
        int r = path ? directory_make(path, 0755) : -ENOMEM;

        if (r < 0) {
                return r;
        }
        marks = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (marks >= 0) {
                fd = openat(marks, machine, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        }
        return fd < 0 ? -errno : 0;
}

bool sharing_is_marked(const char *directory, const char *machine)
{
        _cleanup_free_ char *path = string_format("%s/" MARKS "/%s", directory, machine);

        return path && access(path, F_OK) == 0;
}
