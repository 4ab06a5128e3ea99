/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_INTERFACE_H
#define NETWORK_INTERFACE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "network/address.h"
#include "network/netlink.h"

/** One network interface, as a dump tells. */
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

/** All interfaces of a network namespace at one moment. */
struct interface_list {
        struct interface *items;
        size_t count;
};

void interface_list_clear(struct interface_list *list);

#define _cleanup_interface_list_ _cleanup_(interface_list_clear)

/** Lists the interfaces of the socket's namespace. 0 or -errno. */
int interface_list_load(struct nl_sock *socket, struct interface_list *ret);

const struct interface *interface_by_name(const struct interface_list *list, const char *name);
const struct interface *interface_by_index(const struct interface_list *list, int index);

/** One address of an interface. */
struct interface_address {
        int index;
        struct network_address address;
        unsigned int length;
};

/** Lists the addresses of both families; the caller frees *ret. 0 or -errno. */
int interface_addresses(struct nl_sock *socket, struct interface_address **ret, size_t *ret_count);

/** Adds an address without duplicate address detection; one that is there is fine. */
int interface_add_address(struct nl_sock *socket, int index, const struct network_address *address,
                          unsigned int length, struct netlink_reason *reason);

/** Sets IFF_UP. */
int interface_up(struct nl_sock *socket, int index, struct netlink_reason *reason);

/** Gives a link that is down another name. */
int interface_rename(struct nl_sock *socket, int index, const char *name,
                     struct netlink_reason *reason);

/** Removes a link; one that is gone is fine. */
int interface_delete(struct nl_sock *socket, int index);

/** Sets a link's alias, which the kernel ignores in the request that makes a link. */
int interface_tag(struct nl_sock *socket, int index, const char *alias,
                  struct netlink_reason *reason);

/**
 * Sets the alias of a bridge's port, and makes the port send frames back where they came from,
 * which a machine that talks to its own published port needs while bridge-nf-call-iptables is on.
 * Isolated ports exchange nothing with each other.
 */
int interface_tag_port(struct nl_sock *socket, int index, const char *alias, bool isolated,
                       struct netlink_reason *reason);

#endif
