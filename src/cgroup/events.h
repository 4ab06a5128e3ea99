/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_EVENTS_H
#define CGROUP_EVENTS_H

#include <stdint.h>

#include "cgroup/kernel-log.h"
#include "cgroup/tree.h"

/**
 * Watches a group for what the kernel does to it for lack of memory.
 *
 *   struct cgroup_watch watch = CGROUP_WATCH_INIT;
 *   r = cgroup_watch_open(&group, &watch, error);          -ENOENT: no memory controller, no events
 *   event_add_fd(loop, watch.fd, EPOLLPRI, handler, ..);   EPOLLIN would be true all the time
 *   in the handler: cgroup_watch_read(&watch, &news);
 *
 * Read it once more when the machine has ended, before the group is removed: the notification may
 * come after the death.
 */
struct cgroup_watch {
        int fd;         /* memory.events */
        int kernel_log; /* /dev/kmsg from now on, which names the victims; -EBADF: not readable */
        char *path;     /* of the group within the hierarchy, as the kernel log names it */
        uint64_t oom_kills, high, max; /* counters as last read */
};

#define CGROUP_WATCH_INIT                     \
        {                                     \
                -EBADF, -EBADF, NULL, 0, 0, 0 \
        }

/** What happened since the last reading. */
struct cgroup_news {
        uint64_t oom_kills;        /* processes killed for memory */
        uint64_t high, max;        /* times that memory_high slowed it and memory was reached */
        struct kernel_kill victim; /* the last one that the kernel log names; pid 0: not known */
};

/** Opens the watch of a group. 0, -ENOENT without a memory controller, or -errno. */
int cgroup_watch_open(const struct cgroup *group, struct cgroup_watch *ret,
                      struct machine_error *error);

/** Tells what happened since the last reading. 0, or -ENODEV when the group is gone. */
int cgroup_watch_read(struct cgroup_watch *watch, struct cgroup_news *ret);

void cgroup_watch_release(struct cgroup_watch *watch);
#define _cleanup_cgroup_watch_ _cleanup_(cgroup_watch_release)

#endif
