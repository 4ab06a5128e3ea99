/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_PROCESSES_H
#define CGROUP_PROCESSES_H

#include <stdbool.h>

/** How deep groups nest below a machine's own: cgroup.max.depth is set to it, so that walks end. */
#define CGROUP_DEPTH_MAXIMUM 64

/** How many groups a machine may make: a memory group takes one of the kernel's 65535 ids, which
 *  all machines of a host share. */
#define CGROUP_DESCENDANTS_MAXIMUM 4096

/** The processes of a group's directory, and of the groups below it where `below`, as
 *  "PID (NAME), .. and N more". NULL when there are none or memory is short. */
char *cgroup_processes_text(int directory_fd, bool below, unsigned int maximum);

#endif
