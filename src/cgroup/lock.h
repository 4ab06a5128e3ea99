/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_LOCK_H
#define CGROUP_LOCK_H

#include <stdint.h>

/**
 * Takes the lock on the directory of a group, which says that whoever made the group lives. The
 * descriptor of the directory is the lock; -EWOULDBLOCK where another process has it; -ESTALE where
 * there is no directory, or it has been replaced meanwhile; or -errno.
 */
int cgroup_lock(const char *path);

/** The same, waiting at most `timeout` microseconds for a process that is about to be gone. */
int cgroup_lock_wait(const char *path, uint64_t timeout);

#endif
