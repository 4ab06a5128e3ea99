/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MUSL_SYS_STAT_H
#define MUSL_SYS_STAT_H

/* statx(2), which musl has since 1.2.5. */

#include_next <sys/stat.h>

#ifndef STATX_BASIC_STATS
#        include <linux/stat.h>
#        include <sys/syscall.h>
#        include <unistd.h>

static inline int statx(int directory_fd, const char *path, int flags, unsigned int mask,
                        struct statx *ret)
{
        return (int)syscall(SYS_statx, directory_fd, path, flags, mask, ret);
}
#endif

#endif
