/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_LIMITS_H
#define CGROUP_LIMITS_H

#include <machine/machine.h>

#include "cgroup/tree.h"

/**
 * Checks the limits against this host, without touching a group: more memory than the host has,
 * CPUs and memory nodes it has not, devices that are none, sizes of huge pages it does not know,
 * numbers out of the kernel's ranges. An error is of kind MACHINE_ERROR_DEFINITION and names the
 * key. Settings that have no effect here are appended to *warnings (strings, may be NULL: dropped).
 */
int cgroup_check_limits(const struct machine_limits *limits, char ***warnings,
                        struct machine_error *error);

/**
 * Applies every limit that is given: checks as above, then one write for each. All or none: when
 * one fails, those before it are put back. A limit whose controller the group has not is an error
 * that names the limit, the controller and the hierarchy that holds it. With a memory limit and no
 * `swap`, swap is 0.
 *
 * Works on a new group and on a running machine, where limits that are not given stay as they are.
 * There, a memory limit below what the machine uses first asks the kernel to reclaim; when that
 * does not suffice it is refused (-EBUSY), since the kernel would kill.
 */
int cgroup_apply_limits(struct cgroup *group, const struct machine_limits *limits, char ***warnings,
                        struct machine_error *error);

#endif
