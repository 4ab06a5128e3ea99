/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_USER_NAMESPACE_H
#define NETWORK_USER_NAMESPACE_H

#include "base/error.h"
#include "network/user/record.h"

/**
 * The network namespace of a user's machines, owned by his user namespace: bridges, links and rules
 * are made in it as root's are on the host. Supervisors stay in the host's network namespace, to
 * which a thread that leaves it could not return; what concerns the user's runs in a thread of its
 * own. The namespace lives as long as one of them has a descriptor of it.
 */

/**
 * Opens the namespace that a member of the record keeps, if the caller's user namespace owns it.
 * Returns the descriptor, or -ENOENT if there is none.
 */
int user_namespace_find_network(const struct user_record *record);

/** Makes a new one. Returns the descriptor, or -errno with error set. */
int user_namespace_make_network(struct machine_error *error);

/** The inode of a namespace, which identifies it while it exists; 0 on failure. */
uint64_t user_namespace_inode(int namespace_fd);

/** Whether the caller's user namespace owns a network namespace. */
bool user_namespace_owns(int namespace_fd);

/**
 * Runs a function in a network namespace, in a thread of its own that has no way back, and waits
 * for it. -EBADF: in the caller's namespace, for a function that changes it and could not return.
 * Returns what the function returned, or -errno, with error set, if it could not be run.
 */
int user_namespace_call(int namespace_fd, int (*act)(void *data, struct machine_error *error),
                        void *data, struct machine_error *error);

#endif
