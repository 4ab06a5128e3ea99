/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_STATE_LEASE_H
#define NETWORK_STATE_LEASE_H

#include "network/state/table.h"

/** A lease to be taken. */
struct lease_request {
        const struct machine *machine;
        const char *address; /* requested, or NULL */
        const char *address6;
        const struct process_identity *owner;
};

/**
 * Leases a machine's addresses in a planned network. Requested addresses must be usable and free;
 * others are those remembered for the machine, or derived from its name, so that they rarely change
 * across reboots. When the subnet is full, the addresses remembered for the machine that has not
 * run for longest are dropped. *ret is the machine's record, which keeps what else it has. Errors:
 * -EADDRNOTAVAIL outside the subnet, -EADDRINUSE with the machine that has it, -ENOSPC.
 */
int lease_take(struct network_table *table, const struct network_state *state,
               const struct lease_request *request, struct network_lease **ret,
               struct machine_error *error);

/** Fills in what peers and clean-up need of a machine: host name and owner. Returns 0, or -errno
 * with error set. */
int lease_describe(struct network_lease *lease, const struct machine *machine,
                   const struct process_identity *owner, struct machine_error *error);

#endif
