/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_NETLINK_LINK_H
#define NETWORK_NETLINK_LINK_H

#include <net/if.h>
#include <stdint.h>

#include "network/netlink/netlink.h"

/* Links created by this program. Each has the tag of its machine or network as its alias, by which
 * clean-up recognizes it. */

#define LINK_MAC_SIZE      6
#define LINK_MAC_TEXT_SIZE sizeof("xx:xx:xx:xx:xx:xx")

/** Name of a link inside a machine: eth0, eth1, .. Returns text. */
const char *link_name_inside(unsigned int index, char text[static IF_NAMESIZE]);

/** Prefixes of the names of bridges and of veths on the host. */
#define LINK_BRIDGE_PREFIX "mlb"
#define LINK_VETH_PREFIX   "mlv"

/** The group of bridges and of host-side veths. A link has its group from the moment it is created,
 * but its alias only later: a udev rule matches the group, so that network managers ignore the
 * link. */
#define LINK_GROUP 27756

/** The group of links that are about to be removed, which the kernel does at once for a group. */
#define LINK_GROUP_CONDEMNED 27757

/** Parameters of a new link. */
struct link_settings {
        const char *name;   /* on the host; of a macvlan or ipvlan in its namespace */
        unsigned int index; /* of the machine's side of a veth: eth0, eth1, .. */
        uint32_t mtu;       /* 0: the kernel's default */
        uint8_t mac[LINK_MAC_SIZE];
        int namespace_fd; /* of the machine */
        int parent;       /* index of the bridge, or of the interface below a macvlan or ipvlan */
};

/** Parses "xx:xx:xx:xx:xx:xx". Returns 0 or -EINVAL. */
int link_parse_mac(const char *text, uint8_t ret[static LINK_MAC_SIZE]);

/** Formats it. Returns text. */
const char *link_format_mac(const uint8_t mac[static LINK_MAC_SIZE],
                            char text[static LINK_MAC_TEXT_SIZE]);

/** Derives a stable MAC address from the text: locally administered, unicast. */
void link_derive_mac(const char *text, uint8_t ret[static LINK_MAC_SIZE]);

/** Derives a name of at most 15 characters: the prefix, "-" and the text if it fits (NULL: never),
 * else the prefix and a hash of the identity. */
void link_derive_name(const char *prefix, const char *text, const char *identity,
                      char ret[static IF_NAMESIZE]);

/** Creates a bridge, down; -EEXIST if an interface of that name exists. */
int link_add_bridge(struct nl_sock *socket, const struct link_settings *settings,
                    struct netlink_reason *reason);

/** Creates a veth pair in one request: the host's side is up and a port of the bridge, the other
 * one is down, in the namespace, and named eth0, eth1, .. */
int link_add_veth(struct nl_sock *socket, const struct link_settings *settings,
                  struct netlink_reason *reason);

/** Creates a macvlan (mode bridge) on the parent, in the namespace, down. Linux 6.1 refuses a name
 * that also exists on the host, such as eth0. */
int link_add_macvlan(struct nl_sock *socket, const struct link_settings *settings,
                     struct netlink_reason *reason);

/** Creates an ipvlan (mode L2), which has its parent's MAC address, the same way. */
int link_add_ipvlan(struct nl_sock *socket, const struct link_settings *settings,
                    struct netlink_reason *reason);

#endif
