/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MACHINE_NETWORK_H
#define MACHINE_NETWORK_H

/**
 * A network as a plain struct: its `NAME.network` file with all defaults filled in. Addresses are
 * text, validated and in the format of inet_ntop(3).
 */

#include <machine/machine.h>

MACHINE_BEGIN_DECLARATIONS;

struct network_definition {
        char *name;       /* the file's name without ".network" */
        char *definition; /* absolute path of the file, or NULL: the built-in network `default` */
        char *bridge;   /* name of the bridge interface, or NULL: derived from the network's name */
        char *subnet;   /* IPv4 "ADDRESS/PREFIX", host bits zero, or NULL: not set */
        char *subnet6;  /* the same for IPv6 */
        char *gateway;  /* IPv4 address of the bridge inside `subnet`, or NULL: the first one */
        char *gateway6; /* IPv6 address of the bridge inside `subnet6`, or NULL: the first one */
        uint64_t mtu;   /* or MACHINE_UNSET: that of the default route's interface */
        bool internal;  /* no connection to the outside */
        bool isolated;  /* its machines cannot reach each other */
        bool spoofing;  /* its machines may use addresses that are not theirs */
        struct machine_origin *origins; /* of the keys in the file */
        size_t origin_count;
};

/**
 * Creates a network with all defaults and a copy of the name. Returns NULL if out of memory. The
 * caller frees it with network_definition_free().
 */
struct network_definition *network_definition_new(const char *name);

/** Frees a network and everything it owns. NULL is allowed. */
void network_definition_free(struct network_definition *network);

MACHINE_END_DECLARATIONS;

#endif
