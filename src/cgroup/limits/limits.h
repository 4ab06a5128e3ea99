/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_LIMITS_LIMITS_H
#define CGROUP_LIMITS_LIMITS_H

#include <machine/machine.h>

#include "cgroup/tree/tree.h"

/**
 * Checks the limits against this host, without touching a group: more memory than the host has,
 * CPUs and memory nodes that it lacks, invalid devices, unsupported sizes of huge pages, numbers
 * out of the kernel's range. An error is of kind MACHINE_ERROR_DEFINITION and names the key. For
 * settings that have no effect here a warning is appended to *warnings (may be NULL).
 */
int cgroup_check_limits(const struct machine_limits *limits, char ***warnings,
                        struct machine_error *error);

/**
 * Checks and applies all given limits, with one write for each. All or none: when one fails, the
 * previous ones are restored. A limit whose controller the group lacks is an error that names the
 * limit, the controller and the hierarchy that has it. With a memory limit and no `swap`, swap is
 * 0.
 *
 * Works on a new group and on a running machine, where limits that are not given stay as they are.
 * There, a memory limit below the current usage first makes the kernel reclaim memory; if that is
 * not enough it is refused (-EBUSY), as the kernel would kill processes.
 */
int cgroup_apply_limits(struct cgroup *group, const struct machine_limits *limits, char ***warnings,
                        struct machine_error *error);

#endif
