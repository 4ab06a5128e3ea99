/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_LEASE_H
#define NETWORK_LEASE_H

#include "network/state.h"

/**
 * Leases a machine's addresses in a network that has been planned. Those asked for must be usable
 * and free; others are the ones remembered for the machine, else ones that follow from its name, so
 * that they are mostly the same after a reboot too. When the subnet is full the addresses that are
 * remembered for the machine that has not run for longest go. Errors: -EADDRNOTAVAIL outside the
 * subnet, -EADDRINUSE with the machine that has it, -ENOSPC, -EBUSY for a machine that is running.
 * *ret is good until the state changes.
 */
int lease_take(struct network_state *state, const struct machine *machine,
               const struct process_identity *owner, struct network_lease **ret,
               struct machine_error *error);

/** Fills what peers and clean-up need to know of a machine: host name, hosts entries, owner, ports.
 * -ENOMEM with an error. */
int lease_describe(struct network_lease *lease, const struct machine *machine,
                   const struct process_identity *owner, struct machine_error *error);

#endif
