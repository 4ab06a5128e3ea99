/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_NETLINK_INTERFACE_H
#define NETWORK_NETLINK_INTERFACE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "network/netlink/address.h"
#include "network/netlink/netlink.h"

/** A network interface, as listed by the kernel. */
struct interface {
        int index;
        char name[IF_NAMESIZE];
        char *alias; /* or NULL */
        char *kind;  /* "bridge", "veth", or NULL for hardware */
        int master;  /* index of the bridge it is a port of, or 0 */
        unsigned int flags;
        uint32_t group;
        uint32_t mtu;
};

/** A snapshot of all interfaces of a network namespace. */
struct interface_list {
        struct interface *items;
        size_t count;
};

void interface_list_clear(struct interface_list *list);

#define _cleanup_interface_list_ _cleanup_(interface_list_clear)

/** Which interfaces to list, instead of an index of the bridge whose ports to list. */
#define INTERFACE_ALL        0
#define INTERFACE_MASTERLESS (-1) /* those that are no port of a bridge or bond */

/** Lists interfaces of the socket's namespace. Returns 0 or -errno. */
int interface_list_load(struct nl_sock *socket, int master, struct interface_list *ret);

/** Adds one interface to a list. Returns 0, -ENODEV if there is none of that name, or -errno. */
int interface_list_add(struct nl_sock *socket, const char *name, struct interface_list *list);

const struct interface *interface_by_name(const struct interface_list *list, const char *name);
const struct interface *interface_by_index(const struct interface_list *list, int index);

/** An address of an interface. */
struct interface_address {
        int index;
        struct network_address address;
        unsigned int length;
        bool permanent; /* set by somebody, not by a router's announcement or a lease */
        uint8_t scope;  /* RT_SCOPE_* */
};

/** Lists the addresses of both families. Returns 0 or -errno; the caller frees *ret. */
int interface_addresses(struct nl_sock *socket, struct interface_address **ret, size_t *ret_count);

/** Adds an address without duplicate address detection; succeeds if it exists. */
int interface_add_address(struct nl_sock *socket, int index, const struct network_address *address,
                          unsigned int length, struct netlink_reason *reason);

/** Sets IFF_UP. */
int interface_up(struct nl_sock *socket, int index, struct netlink_reason *reason);

/** Moves a link to another network namespace, where it is down and without addresses, under a name
 * that may contain "%d" (NULL: its own). */
int interface_move(struct nl_sock *socket, int index, int namespace_fd, const char *name,
                   struct netlink_reason *reason);

/** Renames a link, which must be down. */
int interface_rename(struct nl_sock *socket, int index, const char *name,
                     struct netlink_reason *reason);

/** Removes a link; succeeds if it does not exist. */
int interface_delete(struct nl_sock *socket, int index);

/** Marks a link for interface_delete_condemned(). Returns 0 or -errno. */
int interface_condemn(struct nl_sock *socket, int index);

/** Removes all marked links at once, in the time that the kernel takes for one. Succeeds if there
 * are none. */
int interface_delete_condemned(struct nl_sock *socket);

/** Sets a link's alias, which the kernel ignores in the request that creates a link. */
int interface_tag(struct nl_sock *socket, int index, const char *alias,
                  struct netlink_reason *reason);

/** A bridge's port. */
struct interface_port {
        const char *alias;
        bool isolated;      /* does not forward to other isolated ports */
        bool ipv6;          /* the host has IPv6, of which the port needs nothing */
        const uint8_t *mac; /* the only hardware address behind it, or NULL to learn addresses */
};

/**
 * Configures a bridge port. Hairpin mode is on: a machine that connects to its own published port
 * needs it while bridge-nf-call-iptables is enabled. A port with one hardware address has a static
 * entry in the bridge's forwarding table: the bridge does not learn from it, does not flood unknown
 * addresses to it, and blocks it if it sends spanning tree frames.
 */
int interface_set_port(struct nl_sock *socket, int index, const struct interface_port *port,
                       struct netlink_reason *reason);

#endif
