/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_ELEMENTS_H
#define NETWORK_ELEMENTS_H

#include "network/state.h"

/**
 * The elements of our table's maps that stand for one lease's ports, created or deleted as one
 * transaction over netlink: what libnftables spends on a thousand of them is more than the rest of
 * a start. Where a key is taken creating fails with -EEXIST and nothing is changed; deleting one
 * that is not there fails with -ENOENT likewise.
 */
int elements_change(const char *table, const struct network_lease *lease, bool create);

/** Key of an element, as its bytes are in the kernel. */
struct element_key {
        struct network_address host; /* family 0: the map's key has no address */
        uint8_t protocol;            /* IPPROTO_* */
        uint16_t port;
};

#define ELEMENT_SIZE 24

/** Packs a key; returns its length. Each field takes a multiple of four bytes: it goes to registers
 * of that size. */
size_t elements_pack_key(const struct element_key *key, uint8_t packed[static ELEMENT_SIZE]);

/** The map or set that a port of one family is in. */
const char *elements_map(const struct element_key *key, sa_family_t family);

/**
 * Works out the key of a port's first number for a family of the machine. False where the port's
 * own address is of the other family: it has no element then.
 */
bool elements_find_key(const struct machine_port *port, sa_family_t family,
                       struct element_key *ret);

#endif
