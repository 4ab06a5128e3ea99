/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_USAGE_USAGE_H
#define CGROUP_USAGE_USAGE_H

#include <stdint.h>

#include "cgroup/tree/tree.h"

/** The share of time in which some, or all, processes waited, in hundredths of a percent over ten
 * and sixty seconds, and the total in microseconds. */
struct cgroup_pressure {
        uint64_t some_10, some_60, some_total;
        uint64_t full_10, full_60, full_total;
};

/** Current and total resource usage of a machine, in bytes and microseconds. MACHINE_UNSET if
 * unknown (missing controller), MACHINE_UNLIMITED for a limit that is not set. */
struct cgroup_usage {
        uint64_t memory, memory_peak, memory_limit, memory_high;
        uint64_t memory_anonymous, memory_file, memory_kernel, memory_shared;
        uint64_t memory_inactive_file; /* what the kernel takes back first */
        uint64_t swap, swap_limit;
        uint64_t cpu, cpu_user, cpu_system;
        uint64_t cpu_periods, cpu_throttled_periods, cpu_throttled;
        uint64_t cpu_quota, cpu_period; /* as in struct machine_limits */
        uint64_t io_read, io_write, io_read_operations, io_write_operations; /* of all devices */
        uint64_t tasks, tasks_peak, tasks_limit;
        uint64_t oom_kills;
        struct cgroup_pressure cpu_pressure, memory_pressure, io_pressure;
};

/** Reads the usage of a group; of an empty one, for a machine without a group, nothing is known.
 * Missing files leave MACHINE_UNSET; -ENODEV if the group no longer
 * exists. */
int cgroup_read_usage(const struct cgroup *group, struct cgroup_usage *ret,
                      struct machine_error *error);

#endif
