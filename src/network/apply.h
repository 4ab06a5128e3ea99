/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_APPLY_H
#define NETWORK_APPLY_H

#include "network/room.h"

/* The room's states made true on the host: bridges, kernel settings, rules. */

/** Makes a network's bridge where it is missing, gives it its addresses and settings, and brings it
 * up; a bridge of the user's must be there and is left as it is. *ret_index is its index. */
int apply_bridge(struct network_room *room, const struct network_state *state, int *ret_index,
                 struct machine_error *error);

/** Switches on what the kernel needs for a network: forwarding, and where ports are published the
 * way from the host's 127.0.0.1. Saves what was switched. */
int apply_settings(struct network_room *room, const struct network_state *state, bool ports,
                   struct machine_error *error);

/** Appends what the host's firewalls drop of a network's packets, see firewall_warn(). */
int apply_warnings(const struct network_room *room, const struct network_state *state,
                   char ***warnings, struct machine_error *error);

/** Adds a lease's elements to the table: only them where the table is good, else all of it.
 * `fresh`: the network's bridge may not be in the table yet. */
int apply_lease(struct network_room *room, const struct network_state *state,
                const struct network_lease *lease, bool fresh, struct machine_error *error);

/** Deletes the elements of a lease that was given up, where nothing has happened to the rules since
 * its network was marked with that number; else they go with the rest in apply_collect(). */
int apply_release(struct network_room *room, struct network_state *state,
                  const struct network_lease *lease, uint64_t stale, struct machine_error *error);

/** Writes the table anew from all live leases, or removes it where there are none. */
int apply_rules(struct network_room *room, struct machine_error *error);

/** Removes links, bridges, rules and kernel settings that no live lease stands for. The bridge of
 * the state to keep (may be NULL) stays. */
int apply_collect(struct network_room *room, const struct network_state *keep,
                  struct machine_error *error);

#endif
