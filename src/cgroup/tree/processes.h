/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_TREE_PROCESSES_H
#define CGROUP_TREE_PROCESSES_H

#include <stdbool.h>
#include <sys/types.h>

#include "cgroup/tree/group.h"

/** The maximum depth of groups below a machine's own (cgroup.max.depth), so that walks
 * terminate. */
#define CGROUP_DEPTH_MAXIMUM 64

/** How many groups a machine may create: a memory group takes one of the kernel's 65535 ids, which
 * all machines of a host share. */
#define CGROUP_DESCENDANTS_MAXIMUM 4096

/** Calls back for each process in the group and below it, until a call returns other than 0, which
 * is then returned. 0 or -errno. */
int cgroup_for_each_process(const struct cgroup *group, int (*act)(void *data, pid_t pid),
                            void *data);

/** Describes the processes in a group's directory and, with `below`, in the groups below it: "PID
 * (NAME), .. and N more". NULL if there are none or memory is exhausted. */
char *cgroup_processes_text(int directory_fd, bool below, unsigned int maximum);

/** Describes the processes in the group and below it as "PID (NAME), ..", at most `maximum` of them
 * and the number of the others. NULL if there are none or memory is exhausted. The caller frees
 * it. */
char *cgroup_describe_processes(const struct cgroup *group, unsigned int maximum);

#endif
