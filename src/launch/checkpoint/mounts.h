/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_CHECKPOINT_MOUNTS_H
#define LAUNCH_CHECKPOINT_MOUNTS_H

#include <sys/types.h>

#include <machine/error.h>

/**
 * Lists the mount points of a process (0: the caller) whose mounts CRIU cannot make, because they
 * are parts of file systems of the host, or have what only the host's root can make: device nodes.
 * A start makes them. The first is "/". 0 or -errno with error set; the caller frees *ret.
 */
int checkpoint_list_mounts(pid_t pid, char ***ret, struct machine_error *error);

#endif
