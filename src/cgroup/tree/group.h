/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_TREE_GROUP_H
#define CGROUP_TREE_GROUP_H

#include <errno.h>
#include <stdbool.h>

#include "base/cleanup.h"

/** Controllers of cgroup v2 for limits and usage, as bits of a mask. */
enum cgroup_controller {
        CGROUP_CPU = 1 << 0,
        CGROUP_CPUSET = 1 << 1,
        CGROUP_IO = 1 << 2,
        CGROUP_MEMORY = 1 << 3,
        CGROUP_PIDS = 1 << 4,
        CGROUP_HUGETLB = 1 << 5,
        CGROUP_RDMA = 1 << 6,
        CGROUP_MISC = 1 << 7,
};
#define CGROUP_CONTROLLERS 8

/** All of them, and those that count what a machine uses or that its own root is likely to need. */
#define CGROUP_ALL ((1u << CGROUP_CONTROLLERS) - 1)
#define CGROUP_USUAL \
        ((unsigned int)(CGROUP_CPU | CGROUP_CPUSET | CGROUP_IO | CGROUP_MEMORY | CGROUP_PIDS))

/** An open control group of cgroup v2. */
struct cgroup {
        int fd;                   /* the directory, for CLONE_INTO_CGROUP and these functions */
        char *path;               /* absolute path of the directory; recorded in the state file */
        char *top;                /* the topmost directory managed by this program: MOUNT or UNIT */
        unsigned int controllers; /* mask of the group's controllers */
        bool is_new;              /* new from cgroup_create(): empty and without limits */
};

#define CGROUP_INIT                          \
        {                                    \
                -EBADF, NULL, NULL, 0, false \
        }

/** The part of a group's path above the directories that this program makes: MOUNT or UNIT. The
 * caller frees it. */
char *cgroup_top_of(const char *path);

/** Frees the struct's resources and makes it empty; the group itself stays. */
void cgroup_release(struct cgroup *group);
#define _cleanup_cgroup_ _cleanup_(cgroup_release)

#endif
