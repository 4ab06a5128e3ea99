/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_TREE_MOUNT_H
#define CGROUP_TREE_MOUNT_H

#include <machine/error.h>

/**
 * Finds where cgroup2 is mounted: /sys/fs/cgroup, else the first mount of its type in
 * /proc/self/mountinfo that is writable (/sys/fs/cgroup/unified on a hybrid host), else the first.
 * Must be called before anything of a machine is mounted in the caller's namespace: a bind mount of
 * the host's /sys would be among them. The caller frees *ret. -ENODEV with an explanation if there
 * is none.
 */
int cgroup_find_mount(char **ret, struct machine_error *error);

#endif
