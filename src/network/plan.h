/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_PLAN_H
#define NETWORK_PLAN_H

#include <machine/network.h>

#include "network/host/session.h"

/**
 * Determines a network's bridge, subnets and gateways from its definition and the host. Without a
 * configured subnet it picks one that overlaps no route of the host, and keeps it as long as that
 * is so. While machines use the network its settings do not change: -EBUSY if the definition now
 * differs. -EEXIST for a subnet that overlaps a route, or a bridge name in use by something else.
 */
int plan_network(struct network_session *session, const struct network_definition *definition,
                 struct network_state *state, struct machine_error *error);

/** The subnet and gateway of an address on an interface, for machines that are attached to that
 * interface directly. -ENOENT if no address of the interface has the address in its subnet. */
int plan_find_subnet(struct network_session *session, int interface,
                     const struct network_address *address, struct network_prefix *ret,
                     struct network_address *ret_gateway);

#endif
