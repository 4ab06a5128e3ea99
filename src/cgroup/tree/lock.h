/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_TREE_LOCK_H
#define CGROUP_TREE_LOCK_H

#include <stdint.h>

/**
 * Locks the directory of a group, which shows that the creator of the group is alive. The
 * directory's descriptor is the lock. -EWOULDBLOCK if another process has it, -ESTALE if the
 * directory does not exist or has been replaced, or another -errno.
 */
int cgroup_lock(const char *path);

/** The same, but waits up to `timeout` microseconds for a process that is about to exit. */
int cgroup_lock_wait(const char *path, uint64_t timeout);

#endif
