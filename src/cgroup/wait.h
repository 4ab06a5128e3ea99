/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_WAIT_H
#define CGROUP_WAIT_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Waits until a key of cgroup.events ("populated", "frozen") in the group's directory has the
 * value, for at most `timeout` microseconds. The kernel announces each change to poll(2), so that
 * nothing turns in circles. 0, -ETIMEDOUT, or -errno; a group that is gone is -ENODEV or -ENOENT.
 */
int cgroup_wait_event(int directory_fd, const char *key, bool value, uint64_t timeout);

/** The value of a key of cgroup.events now: 0 or 1, or -errno. */
int cgroup_read_event(int directory_fd, const char *key);

#endif
