/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_PLAN_H
#define NETWORK_PLAN_H

#include <machine/network.h>

#include "network/room.h"

/**
 * Settles a network's bridge, subnets and gateways from its definition and the host: a subnet that
 * is not given is one that overlaps no route of the host, and stays while it does not. Where
 * machines already use the network its settings stand, and a definition that now says otherwise is
 * -EBUSY. -EEXIST for a subnet that overlaps a route and for a bridge name that something else has.
 */
int plan_network(struct network_room *room, const struct network_definition *definition,
                 struct network_state *state, struct machine_error *error);

/** The route's subnet of an address of an interface, for machines that sit on that interface
 * themselves. -ENOENT where no address of the interface has the address in its subnet. */
int plan_find_subnet(struct network_room *room, int interface,
                     const struct network_address *address, struct network_prefix *ret,
                     struct network_address *ret_gateway);

#endif
