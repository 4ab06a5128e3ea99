/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_NAMES_H
#define NETWORK_NAMES_H

#include "network/room.h"

/* The text by which a machine knows names: /etc/hosts. */

/**
 * The hosts text of a lease: loopback, the machine itself, host.internal at the network's gateway,
 * the definition's entries, and the attached peers. 0 or -ENOMEM; the caller frees *ret.
 */
int names_write_hosts(const struct network_state *state, const struct network_lease *lease,
                      char **ret);

/**
 * Writes a machine's hosts file. A file that is there keeps its inode, to which the machine's bind
 * mount points. 0, or -errno with an error.
 */
int names_update(const struct network_room *room, const struct network_state *state,
                 const struct network_lease *lease, struct machine_error *error);

/** Writes the hosts files of all live machines of a network. */
int names_update_all(const struct network_room *room, const struct network_state *state,
                     struct machine_error *error);

#endif
