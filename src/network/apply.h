/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_APPLY_H
#define NETWORK_APPLY_H

#include "network/host/session.h"

/* Applies the leases of a session to the host: bridges, kernel settings, rules. */

/** Creates a network's bridge if it does not exist, gives it its addresses and settings, and brings
 * it up. A user's bridge must exist and is not changed. *ret_index is its index. */
int apply_bridge(struct network_session *session, struct network_state *state, int *ret_index,
                 struct machine_error *error);

/** Enables what the kernel needs for a network: forwarding and, if ports are published, access to
 * them from the host's 127.0.0.1. Saves what was enabled. */
int apply_settings(struct network_session *session, const struct network_state *state, bool ports,
                   struct machine_error *error);

/** Appends a warning for each of the host's firewalls that drops a network's packets, see
 * firewall_warn(). */
int apply_warnings(const struct network_session *session, const struct network_state *state,
                   char ***warnings, struct machine_error *error);

/** Adds a lease's elements to the table, or rewrites the whole table if it is missing or stale.
 * `fresh`: the network's bridge may not be in the table yet. */
int apply_lease(struct network_session *session, const struct network_lease *lease,
                const struct lease_details *details, bool fresh, struct machine_error *error);

/** Rewrites the table from all attached leases, or removes it if there are none. */
int apply_rules(struct network_session *session, struct machine_error *error);

/**
 * Removes what no live lease needs: what ended machines have left, if nobody does so in the
 * background, bridges, and with the last machine rules and kernel settings. Keeps the bridge of
 * `keep` (may be NULL). Looks at everything on the host only if something may be there that no
 * record tells of.
 */
int apply_collect(struct network_session *session, const struct network_state *keep,
                  struct machine_error *error);

#endif
