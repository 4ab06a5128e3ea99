/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_INIT_END_H
#define LAUNCH_INIT_END_H

#include <sys/types.h>

/**
 * Kills a child, its process group and all of their orphans, and reaps them. This process must be a
 * child subreaper; the child is 0 if it is already reaped. If processes keep forking, their control
 * group is killed if they have one of their own, including this process. Returns the child's exit
 * status, 128 + N for signal N.
 */
int end_all(pid_t payload);

#endif
