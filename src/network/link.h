/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_LINK_H
#define NETWORK_LINK_H

#include <net/if.h>
#include <stdint.h>

#include "network/netlink.h"

/* The links that this room makes. Each is given the tag of its machine or network as its alias, by
 * which clean-up knows its own. */

#define LINK_MAC_SIZE 6

/** Name of the link inside a machine. */
#define LINK_GUEST_NAME "eth0"

/** Begin of the names of bridges and of veths on the host. */
#define LINK_BRIDGE_PREFIX "mlb"
#define LINK_VETH_PREFIX   "mlv"

/** The group of bridges and of veths on the host. A link has it from its first moment, an alias
 * only later: udev's rule matches it, so that network managers leave the link alone. */
#define LINK_GROUP 27756

/** What a link is made of. */
struct link_settings {
        const char *name; /* on the host; of a macvlan or ipvlan in the namespace */
        uint32_t mtu;     /* 0: the kernel's default */
        uint8_t mac[LINK_MAC_SIZE];
        int namespace_fd; /* where the machine's side goes */
        int parent;       /* index of the bridge, or of macvlan's and ipvlan's interface */
};

/** Reads "xx:xx:xx:xx:xx:xx". 0 or -EINVAL. */
int link_parse_mac(const char *text, uint8_t ret[static LINK_MAC_SIZE]);

/** A MAC address that stays the same for the same text and host: locally administered, unicast. */
void link_derive_mac(const char *text, uint8_t ret[static LINK_MAC_SIZE]);

/** A name of at most 15 characters: the prefix, "-" and the text where that fits and is told not to
 * be ambiguous, else the prefix and a hash of the whole identity. */
void link_derive_name(const char *prefix, const char *text, const char *identity,
                      char ret[static IF_NAMESIZE]);

/** Makes a bridge, down; -EEXIST where any interface has the name. */
int link_add_bridge(struct nl_sock *socket, const struct link_settings *settings,
                    struct netlink_reason *reason);

/** Makes a veth pair in one request: the host's side up and a port of the bridge, the other named
 * eth0 and in the namespace, down. */
int link_add_veth(struct nl_sock *socket, const struct link_settings *settings,
                  struct netlink_reason *reason);

/** Makes a macvlan (mode bridge) on the parent, in the namespace, down. Linux 6.1 refuses a name
 * that the host has too, which eth0 often is: it has to be another one. */
int link_add_macvlan(struct nl_sock *socket, const struct link_settings *settings,
                     struct netlink_reason *reason);

/** Makes an ipvlan (mode L2) likewise; it has its parent's MAC address. */
int link_add_ipvlan(struct nl_sock *socket, const struct link_settings *settings,
                    struct netlink_reason *reason);

#endif
