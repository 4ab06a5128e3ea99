/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_FIREWALL_SET_ELEMENTS_H
#define NETWORK_FIREWALL_SET_ELEMENTS_H

#include "network/state/details.h"

/** What one lease has in our tables: elements for its ports and its link. */
struct set_elements {
        const struct network_lease *lease;
        struct lease_details details; /* owned by the caller */
};

/**
 * Creates or deletes the elements of leases as one transaction over netlink; libnftables would take
 * longer for a thousand of them than the rest of a start. If a key exists with another value,
 * creating fails with -EEXIST and changes nothing; if one does not exist, deleting fails with
 * -ENOENT and changes nothing.
 */
int set_elements_change(const char *table, const struct set_elements *items, size_t count,
                        bool create);

/** The key of an element. */
struct set_element_key {
        struct network_address host; /* family 0: the map's key has no address */
        uint8_t protocol;            /* IPPROTO_* */
        uint16_t port;
};

#define SET_ELEMENT_SIZE 24

/** Packs a key as the kernel has it and returns its length. Each field is padded to a multiple of
 * four bytes, the size of a register. */
size_t set_elements_pack_key(const struct set_element_key *key,
                             uint8_t packed[static SET_ELEMENT_SIZE]);

/** The map or set for a port of one family. */
const char *set_elements_map(const struct set_element_key *key, sa_family_t family);

/**
 * Determines the key of a port's first number for an address family of the machine. Returns false
 * if the port's host address is of the other family: it has no element then.
 */
bool set_elements_find_key(const struct machine_port *port, sa_family_t family,
                           struct set_element_key *ret);

#endif
