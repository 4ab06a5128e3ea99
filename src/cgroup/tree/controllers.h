/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_TREE_CONTROLLERS_H
#define CGROUP_TREE_CONTROLLERS_H

#include <machine/error.h>

#include "cgroup/tree/group.h"

/* A group's controllers: a group has those that every group above it enables in
 * cgroup.subtree_control (cgroup-v2, "Enabling and Disabling"). */

/** How root gives users controllers that they lack. */
#define CGROUP_DELEGATION                                                              \
        "root writes to /etc/systemd/system/user@.service.d/delegate.conf: [Service] " \
        "Delegate=cpu cpuset io memory pids; then systemctl daemon-reload, and log in again"

/** The name of one controller, "memory". */
const char *cgroup_controller_name(enum cgroup_controller controller);

/** The mask of the controllers in a text like "cpuset cpu io"; ignores unknown ones. */
unsigned int cgroup_parse_controllers(const char *text);

/** Reads a file that lists controllers, relative to the directory. Returns 0 or -errno. */
int cgroup_read_controllers(int directory_fd, const char *file, unsigned int *ret);

/**
 * Enables the available ones of the `wanted` controllers (a mask) in each directory from group->top
 * down to the group's parent, and sets group->controllers to those the group then has. Fails only
 * if reading fails.
 */
int cgroup_enable_controllers(struct cgroup *group, unsigned int wanted,
                              struct machine_error *error);

/**
 * Makes sure that the group has a controller; retries enabling a missing one, and explains a
 * failure: at which level, which processes are in it, which v1 hierarchy has the controller.
 * `limit` is what needs it, for the message ("limits.memory").
 */
int cgroup_require_controller(struct cgroup *group, enum cgroup_controller controller,
                              const char *limit, struct machine_error *error);

/** Explains why the unified hierarchy lacks a controller, from the texts of /proc/self/mountinfo
 * and /proc/cgroups (either may be NULL). Sets the error and returns -ENODEV. */
int cgroup_explain_absence(enum cgroup_controller controller, const char *limit,
                           const char *mountinfo, const char *proc_cgroups,
                           struct machine_error *error);

#endif
