/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STATE_MEMBER_H
#define STATE_MEMBER_H

#include <stdbool.h>

#include <machine/error.h>

#include "base/process.h"

/**
 * The process that last made or joined the user namespace of a user's machines to stay in it, in
 * RUNTIME/user-namespace. Others join the namespace through it, or if it has ended, through the
 * supervisor of any machine. `self`: a namespace with the user's own id alone, in a file of its
 * own.
 */

/** Locks the file against other processes that are about to make or join the namespace. Creates the
 * runtime directory (0700). Returns a descriptor that is the lock, or -errno with error set. */
int member_lock(const char *runtime_directory, struct machine_error *error);

/** Loads the process. Returns 0, or -ENOENT if there is none or the file is damaged. */
int member_load(const char *runtime_directory, bool self, struct process_identity *ret);

/** Saves the calling process, which holds the lock. Returns 0 or -errno with error set. */
int member_save(const char *runtime_directory, bool self, struct machine_error *error);

/** The same for a process that does not hold the lock. */
int member_register(const char *runtime_directory, bool self, struct machine_error *error);

/** Locks the runtime directory as long as the descriptor is open: systemd-tmpfiles(8) spares locked
 * directories in /tmp. Returns the descriptor, or -errno with error set. */
int member_hold_directory(const char *runtime_directory, struct machine_error *error);

#endif
