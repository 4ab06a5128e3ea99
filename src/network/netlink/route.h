/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_NETLINK_ROUTE_H
#define NETWORK_NETLINK_ROUTE_H

#include "network/netlink/address.h"
#include "network/netlink/netlink.h"

/** A route of the host, without the kernel's own for local addresses and broadcasts. */
struct route {
        struct network_prefix destination; /* length 0: the default route */
        struct network_address gateway;    /* family 0: none */
        int interface;                     /* index, or 0 */
        uint32_t priority;
};

/** Lists the routes of both families in all tables. Returns 0 or -errno; the caller frees *ret. */
int route_list(struct nl_sock *socket, struct route **ret, size_t *ret_count);

/** The default route of a family with the lowest metric, or NULL. */
const struct route *route_default(const struct route *routes, size_t count, sa_family_t family);

#endif
