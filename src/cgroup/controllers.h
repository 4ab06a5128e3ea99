/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_CONTROLLERS_H
#define CGROUP_CONTROLLERS_H

#include "cgroup/tree.h"

/* Which controllers a group has, and how it comes by them: a group has those that every group above
 * it names in cgroup.subtree_control (cgroup-v2, "Enabling and Disabling"). */

/** The name of one controller, "memory". */
const char *cgroup_controller_name(enum cgroup_controller controller);

/** The mask of the controllers that a text like "cpuset cpu io" names; unknown ones are left out.
 */
unsigned int cgroup_parse_controllers(const char *text);

/** Reads a file that lists controllers, relative to the directory. 0 or -errno. */
int cgroup_read_controllers(int directory_fd, const char *file, unsigned int *ret);

/**
 * Enables every controller that can be had in each directory from group->top down to the one that
 * holds the group, and fills group->controllers with what the group has then. Only failing to read
 * is an error.
 */
int cgroup_enable_controllers(struct cgroup *group, struct machine_error *error);

/**
 * Makes sure that the group has a controller; tries once more to enable it where it is missing, and
 * tells why that does not work: at which level, which processes sit there, which v1 hierarchy
 * holds it. `limit` is what needs it, for the message ("limits.memory").
 */
int cgroup_require_controller(struct cgroup *group, enum cgroup_controller controller,
                              const char *limit, struct machine_error *error);

/** Why a controller is not in the unified hierarchy at all, judged by texts of /proc/self/mountinfo
 *  and /proc/cgroups (either may be NULL). Fills the error, returns -ENODEV. */
int cgroup_explain_absence(enum cgroup_controller controller, const char *limit,
                           const char *mountinfo, const char *proc_cgroups,
                           struct machine_error *error);

#endif
