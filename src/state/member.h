/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STATE_MEMBER_H
#define STATE_MEMBER_H

#include <stdbool.h>

#include <machine/error.h>

#include "base/process/process.h"

/**
 * A process in the user namespace of a user's machines, in RUNTIME/user-namespace. Others join the
 * namespace through it, or if it has ended, through the supervisor of any machine, which then takes
 * its place. `self`: a namespace with the user's own id alone, in a file of its
 * own.
 */

struct member {
        struct process_identity process;
        bool stays; /* a supervisor, and not a command that made the namespace for one */
};

/** Locks the file against other processes that are about to make or join the namespace. Creates the
 * runtime directory (0700). Returns a descriptor that is the lock, or -errno with error set. */
int member_lock(const char *runtime_directory, struct machine_error *error);

/** Loads the process. Returns 0, or -ENOENT if there is none or the file is damaged. */
int member_load(const char *runtime_directory, bool self, struct member *ret);

/** Saves a process. The caller holds the lock. Returns 0 or -errno with error set. */
int member_save(const char *runtime_directory, bool self, const struct member *member,
                struct machine_error *error);

/** Saves the supervisor if the process that is saved has ended. The caller does not hold the lock.
 */
int member_register(const char *runtime_directory, bool self,
                    const struct process_identity *supervisor, struct machine_error *error);

/** Locks the runtime directory as long as the descriptor is open: systemd-tmpfiles(8) spares locked
 * directories in /tmp. Returns the descriptor, or -errno with error set. */
int member_hold_directory(const char *runtime_directory, struct machine_error *error);

#endif
