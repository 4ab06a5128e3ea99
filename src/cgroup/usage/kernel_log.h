/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_USAGE_KERNEL_LOG_H
#define CGROUP_USAGE_KERNEL_LOG_H

#include <stdbool.h>
#include <sys/types.h>

/** A process that the kernel killed for lack of memory, as in its log. */
struct kernel_kill {
        pid_t pid;     /* as seen on the host */
        char name[64]; /* safe for a terminal */
        bool host;     /* the whole host ran out of memory, not a limit */
};

/**
 * Checks if a record of /dev/kmsg is the kernel's own about an OOM kill ("oom-kill:constraint=..")
 * with a victim in the group (a path within the hierarchy) or below it. Returns 1 if so, else 0.
 */
int kernel_log_parse_kill(const char *record, const char *group, struct kernel_kill *ret);

#endif
