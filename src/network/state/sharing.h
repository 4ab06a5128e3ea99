/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_STATE_SHARING_H
#define NETWORK_STATE_SHARING_H

#include "network/state/table.h"

/*
 * A network that other machines share outlives the processes of its own machine. None of these
 * holds the network namespace: the supervisors of the sharing machines do, each by a descriptor
 * whose number is in its lease. While the machine itself is not running, its lease belongs to one
 * of them, so that link, addresses and ports stay; the machine's next start takes the lease over
 * and joins the namespace.
 */

/** The lease of a running machine that shares the network of `machine`, or NULL. */
struct network_lease *sharing_find(const struct network_table *table, const char *machine);

/** Transfers the lease of a machine that has exited to one that shares its network. Returns whether
 * there is one. */
bool sharing_hand_over(const struct network_table *table, struct network_lease *lease);

/** Opens the network namespace held by the owner of such a lease. Returns a descriptor, or -ENOENT
 * if it is no longer held. */
int sharing_open(const struct network_lease *lease);

/** Records that a machine's network is or was shared, by a file with its name below the network
 * directory. Returns 0 or -errno. */
int sharing_mark(const char *directory, const char *machine);

/** Whether that is recorded; needs no lock. */
bool sharing_is_marked(const char *directory, const char *machine);

#endif
