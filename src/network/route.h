/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_ROUTE_H
#define NETWORK_ROUTE_H

#include "network/address.h"
#include "network/netlink.h"

/** One route of the host that leads to hosts: not the kernel's own for addresses and broadcasts. */
struct route {
        struct network_prefix destination; /* length 0: the default route */
        struct network_address gateway;    /* family 0: none */
        int interface;                     /* index, or 0 */
        uint32_t priority;
};

/** Lists the routes of both families and all tables. The caller frees *ret. 0 or -errno. */
int route_list(struct nl_sock *socket, struct route **ret, size_t *ret_count);

/** The default route of a family with the best priority, or NULL. */
const struct route *route_default(const struct route *routes, size_t count, sa_family_t family);

#endif
