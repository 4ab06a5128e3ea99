/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_TREE_WAIT_H
#define CGROUP_TREE_WAIT_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Waits for at most `timeout` microseconds until a key of cgroup.events ("populated", "frozen") in
 * the group's directory has the value. Sleeps in poll(2), as the kernel reports each change.
 * Returns 0, -ETIMEDOUT, or -errno; -ENODEV or -ENOENT if the group no longer exists.
 */
int cgroup_wait_event(int directory_fd, const char *key, bool value, uint64_t timeout);

/** The current value of a key of cgroup.events: 0 or 1, or -errno. */
int cgroup_read_event(int directory_fd, const char *key);

#endif
