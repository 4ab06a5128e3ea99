/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_ENTER_ROOT_H
#define LAUNCH_ENTER_ROOT_H

#include "launch/launch.h"

/** Called in a process and a mount namespace of its own. root_fd is a machine's root directory.
 * Returns the exit status of the process, or -errno with error set. */
typedef int (*launch_root_reader)(int root_fd, void *data, struct machine_error *error);

/**
 * Shows the root of a stopped machine to a function: its layers, with its writable layer, as one
 * directory that cannot be written to. Files have the owners that they have in the machine, in the
 * ids of the caller's user namespace. Nothing is mounted below the root, neither `mounts` nor
 * volumes. Holds the machine's lock and directories meanwhile, as a start does. The caller must not
 * use machine afterwards.
 *
 * Returns the exit status of the process; or -errno with error set: -EALREADY if the machine is
 * running.
 */
int launch_read_root(struct machine *machine, const struct launch_options *options,
                     launch_root_reader reader, void *data, struct machine_error *error);

/** Whether a root has an init, for a machine with `boot`. */
bool launch_root_boots(int root_fd);

#endif
