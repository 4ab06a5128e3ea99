/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_CHECKPOINT_MOLD_H
#define LAUNCH_CHECKPOINT_MOLD_H

#include "launch/context.h"

/*
 * A restore runs all steps of a start. Its first process, the mold, has the machine's root and
 * mounts in front of it when it would become machine-init. It then gives the mounts that CRIU
 * cannot make to the supervisor, as one tree, and ends. CRIU makes the processes that were written
 * down, and their namespaces, with these mounts.
 */

/** Takes the tree, which is attached in the scratch (the working directory); the first process has
 * ended. *ret are the mount points; each is at its index in the directory MOLD_PLACE. 0 or -errno
 * with error set. */
int mold_take(struct launch *launch, char ***ret, struct machine_error *error);

#define MOLD_PLACE "restored"

#endif
