/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_STATE_DETAILS_H
#define NETWORK_STATE_DETAILS_H

#include "network/state/table.h"

/*
 * What of a lease has no fixed size: published ports and hosts entries. Machines that have any have
 * a file of their own below details/ in the network directory, which is named after the record.
 */
struct lease_details {
        struct machine_port *ports; /* the addresses are owned */
        size_t port_count;
        char **hosts; /* the definition's own entries, "NAME:ADDRESS" */
};

void details_clear(struct lease_details *details);

#define _cleanup_details_ _cleanup_(details_clear)

/** Copies those of a definition. Returns 0 or -ENOMEM. */
int details_copy(const struct machine_network *settings, struct lease_details *ret);

/** Whether two have the same ports. */
bool details_have_same_ports(const struct lease_details *a, const struct lease_details *b);

/** Loads the details of a lease: empty if it has none, or if the file is gone. Returns 0 or -errno;
 * the caller clears *ret. */
int details_load(int directory_fd, const struct network_table *table,
                 const struct network_lease *lease, struct lease_details *ret);

/** Saves the details of a lease and notes in the lease that it has some; without any, removes the
 * file. Returns 0 or -errno. */
int details_save(int directory_fd, const struct network_table *table, struct network_lease *lease,
                 const struct lease_details *details);

/** Removes the file of a lease that has one. */
void details_remove(int directory_fd, const struct network_table *table,
                    struct network_lease *lease);

#endif
