/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_USAGE_EVENTS_H
#define CGROUP_USAGE_EVENTS_H

#include <stdint.h>

#include "cgroup/tree/tree.h"
#include "cgroup/usage/kernel_log.h"

/**
 * Watches a group for OOM kills and throttling by the kernel.
 *
 *   struct cgroup_watch watch = CGROUP_WATCH_INIT;
 *   r = cgroup_watch_open(&group, &watch, error);          -ENOENT: no memory controller, no events
 *   event_add_fd(loop, watch.fd, EPOLLPRI, handler, ..);   EPOLLIN would always be ready
 *   in the handler: cgroup_watch_read(&watch, &news);
 *
 * Read it once more when the machine has ended, before the group is removed: the notification may
 * arrive after the process has died.
 */
struct cgroup_watch {
        int fd;         /* memory.events */
        int kernel_log; /* /dev/kmsg, which names the victims; -EBADF: not readable */
        char *path;     /* of the group within the hierarchy, as in the kernel log */
        uint64_t oom_kills, high, max; /* counters at the last read */
};

#define CGROUP_WATCH_INIT                     \
        {                                     \
                -EBADF, -EBADF, NULL, 0, 0, 0 \
        }

/** Changes since the last read. */
struct cgroup_news {
        uint64_t oom_kills;        /* processes killed for lack of memory */
        uint64_t high, max;        /* how often memory_high throttled it, and memory was reached */
        struct kernel_kill victim; /* the last one named in the kernel log; pid 0: unknown */
};

/** Opens the watch of a group. Returns 0, -ENOENT without a memory controller, or -errno. */
int cgroup_watch_open(const struct cgroup *group, struct cgroup_watch *ret,
                      struct machine_error *error);

/** Reports the changes since the last read. Returns 0, or -ENODEV if the group no longer exists. */
int cgroup_watch_read(struct cgroup_watch *watch, struct cgroup_news *ret);

void cgroup_watch_release(struct cgroup_watch *watch);
#define _cleanup_cgroup_watch_ _cleanup_(cgroup_watch_release)

#endif
