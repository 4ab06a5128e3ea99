/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MACHINE_NETWORK_H
#define MACHINE_NETWORK_H

/**
 * A network as one plain struct: what a `NAME.network` file says, every default filled in.
 * Addresses are text that has been checked and is written as inet_ntop(3) writes it.
 */

#include <machine/machine.h>

#ifdef __GNUC__
#        pragma GCC visibility push(default)
#endif
#ifdef __cplusplus
extern "C" {
#endif

struct network_definition {
        char *name;       /* the file's name without ".network" */
        char *definition; /* absolute path of the file, or NULL: the built-in network `default` */
        char *bridge;     /* name of the bridge interface, or NULL: made from the network's name */
        char *subnet;     /* IPv4 "ADDRESS/PREFIX", host bits zero, or NULL: not given */
        char *subnet6;    /* IPv6 likewise */
        char *gateway;    /* IPv4 address of the bridge inside `subnet`, or NULL: its first one */
        char *gateway6;   /* IPv6 address of the bridge inside `subnet6`, or NULL: its first one */
        uint64_t mtu;     /* or MACHINE_UNSET: that of the default route's interface */
        bool internal;    /* no way out of the network */
        bool isolated;    /* its machines do not reach each other */
        struct machine_origin *origins; /* of the keys that the file gives */
        size_t origin_count;
};

/**
 * Makes a network with every default filled in and the name given (copied). Returns NULL when
 * memory is short. The caller frees it with network_definition_free().
 */
struct network_definition *network_definition_new(const char *name);

/** Frees a network and all it owns. NULL is allowed. */
void network_definition_free(struct network_definition *network);

#ifdef __cplusplus
}
#endif
#ifdef __GNUC__
#        pragma GCC visibility pop
#endif

#endif
