/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_TREE_PLACE_H
#define CGROUP_TREE_PLACE_H

#include <stdbool.h>

#include <machine/error.h>

#include "cgroup/tree/group.h"

/* Control groups whose place somebody else chooses, as callers of an OCI runtime do. */

/** The directory of the group "/a/b" below the mount of cgroup2, which is absolute and has no ".."
 * in it. -EBUSY for one in which processes are: it is somebody else's. The caller frees *ret. */
int cgroup_place(const char *group, char **ret, struct machine_error *error);

/** Whether the caller has the rights to make the group of such a path. */
bool cgroup_may_create(const char *path);

/** Makes the group, and those above it, at a path of cgroup_place(), with all controllers that are
 * available. 0, or -errno with an error set. Undone by cgroup_remove(), which leaves those above.
 */
int cgroup_create_at(const char *path, struct cgroup *ret, struct machine_error *error);

/**
 * Makes the group "container" below one that something else manages, with all its controllers, and
 * moves a process from that into it: limits of the manager's own group would not last, and
 * processes are in leaves only. 0, or -errno with an error set.
 */
int cgroup_create_below(const char *path, pid_t pid, struct cgroup *ret,
                        struct machine_error *error);

#endif
