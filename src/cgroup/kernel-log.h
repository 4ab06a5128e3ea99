/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_KERNEL_LOG_H
#define CGROUP_KERNEL_LOG_H

#include <stdbool.h>
#include <sys/types.h>

/** A process that the kernel killed for lack of memory, as its log tells it. */
struct kernel_kill {
        pid_t pid;     /* as the host sees it */
        char name[64]; /* fit for a terminal */
        bool host;     /* the whole host was out of memory: no limit was met */
};

/**
 * Reads a record of /dev/kmsg if it is the kernel's own about an OOM kill
 * ("oom-kill:constraint=..") and the victim was in the group (a path within the hierarchy) or below
 * it. 1 when it was, else 0.
 */
int kernel_log_parse_kill(const char *record, const char *group, struct kernel_kill *ret);

#endif
