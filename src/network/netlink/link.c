/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/netlink/link.h"

#include <inttypes.h>
#include <netlink/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/ipvlan.h>
#include <netlink/route/link/macvlan.h>
#include <netlink/route/link/veth.h>
#include <stdio.h>
#include <string.h>

#include "base/strings.h"

DEFINE_CLEANUP(struct rtnl_link *, rtnl_link_put, cleanup_link)
#define _cleanup_link_ _cleanup_(cleanup_link)

DEFINE_CLEANUP(struct nl_addr *, nl_addr_put, cleanup_nl_address)

int link_parse_mac(const char *text, uint8_t ret[static LINK_MAC_SIZE])
{
        unsigned int bytes[LINK_MAC_SIZE];
        int end = 0;

        if (strlen(text) != 17 ||
            sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &bytes[0], &bytes[1], &bytes[2], &bytes[3],
                   &bytes[4], &bytes[5], &end) != LINK_MAC_SIZE ||
            end != 17) {
                return -EINVAL;
        }
        for (size_t i = 0; i < LINK_MAC_SIZE; i++) {
                ret[i] = (uint8_t)bytes[i];
        }
        return 0;
}

const char *link_format_mac(const uint8_t mac[static LINK_MAC_SIZE],
                            char text[static LINK_MAC_TEXT_SIZE])
{
        (void)snprintf(text, LINK_MAC_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
                       mac[2], mac[3], mac[4], mac[5]);
        return text;
}

void link_derive_mac(const char *text, uint8_t ret[static LINK_MAC_SIZE])
{
        uint64_t hash = string_hash(text, strlen(text));

        for (size_t i = 0; i < LINK_MAC_SIZE; i++) {
                ret[i] = (uint8_t)(hash >> (8 * i));
        }
        ret[0] = (uint8_t)((ret[0] & 0xfc) | 0x02);
}

void link_derive_name(const char *prefix, const char *text, const char *identity,
                      char ret[static IF_NAMESIZE])
{
        uint64_t hash = string_hash(identity, strlen(identity));
        int length = text ? snprintf(ret, IF_NAMESIZE, "%s-%s", prefix, text) : IF_NAMESIZE;

        if (length >= IF_NAMESIZE) {
                (void)snprintf(ret, IF_NAMESIZE, "%s%012" PRIx64, prefix,
                               hash & UINT64_C(0xffffffffffff));
        }
}

const char *link_name_inside(unsigned int index, char text[static IF_NAMESIZE])
{
        (void)snprintf(text, IF_NAMESIZE, "eth%u", index % 1000);
        return text;
}

static int set_mac(struct rtnl_link *link, const uint8_t mac[static LINK_MAC_SIZE])
{
        _cleanup_(cleanup_nl_address) struct nl_addr *address =
                nl_addr_build(AF_LLC, mac, LINK_MAC_SIZE);

        if (!address) {
                return -ENOMEM;
        }
        rtnl_link_set_addr(link, address);
        return 0;
}

static int add(struct nl_sock *socket, struct rtnl_link *link, struct netlink_reason *reason)
{
        _cleanup_nl_message_ struct nl_msg *message = NULL;

        if (rtnl_link_build_add_request(link, NLM_F_CREATE | NLM_F_EXCL, &message) < 0) {
                return -ENOMEM;
        }
        return netlink_request(socket, message, reason);
}

int link_add_bridge(struct nl_sock *socket, const struct link_settings *settings,
                    struct netlink_reason *reason)
{
        _cleanup_link_ struct rtnl_link *link = rtnl_link_bridge_alloc();

        if (!link || set_mac(link, settings->mac) < 0) {
                return -ENOMEM;
        }
        rtnl_link_set_name(link, settings->name);
        rtnl_link_set_group(link, LINK_GROUP);
        if (settings->mtu > 0) {
                rtnl_link_set_mtu(link, settings->mtu);
        }
        return add(socket, link, reason);
}

int link_add_veth(struct nl_sock *socket, const struct link_settings *settings,
                  struct netlink_reason *reason)
{
        _cleanup_link_ struct rtnl_link *link = rtnl_link_veth_alloc();
        struct rtnl_link *peer = link ? rtnl_link_veth_get_peer(link) : NULL;
        char inside[IF_NAMESIZE];
        int r;

        if (!peer || set_mac(peer, settings->mac) < 0) {
                return -ENOMEM;
        }
        rtnl_link_set_name(link, settings->name);
        rtnl_link_set_group(link, LINK_GROUP);
        rtnl_link_set_master(link, settings->parent);
        rtnl_link_set_flags(link, IFF_UP);
        rtnl_link_set_name(peer, link_name_inside(settings->index, inside));
        rtnl_link_set_ns_fd(peer, settings->namespace_fd);
        if (settings->mtu > 0) {
                rtnl_link_set_mtu(link, settings->mtu);
                rtnl_link_set_mtu(peer, settings->mtu);
        }
        r = add(socket, link, reason);
        /* rtnl_link_veth_get_peer() takes a reference. */
        rtnl_link_put(peer);
        return r;
}

/* Common to macvlan and ipvlan. */
static int add_on_parent(struct nl_sock *socket, struct rtnl_link *link,
                         const struct link_settings *settings, struct netlink_reason *reason)
{
        rtnl_link_set_name(link, settings->name);
        rtnl_link_set_link(link, settings->parent);
        rtnl_link_set_ns_fd(link, settings->namespace_fd);
        if (settings->mtu > 0) {
                rtnl_link_set_mtu(link, settings->mtu);
        }
        return add(socket, link, reason);
}

int link_add_macvlan(struct nl_sock *socket, const struct link_settings *settings,
                     struct netlink_reason *reason)
{
        _cleanup_link_ struct rtnl_link *link = rtnl_link_macvlan_alloc();

        if (!link || set_mac(link, settings->mac) < 0 ||
            rtnl_link_macvlan_set_mode(link, rtnl_link_macvlan_str2mode("bridge")) < 0) {
                return -ENOMEM;
        }
        return add_on_parent(socket, link, settings, reason);
}

int link_add_ipvlan(struct nl_sock *socket, const struct link_settings *settings,
                    struct netlink_reason *reason)
{
        _cleanup_link_ struct rtnl_link *link = rtnl_link_ipvlan_alloc();

        if (!link || rtnl_link_ipvlan_set_mode(link, rtnl_link_ipvlan_str2mode("l2")) < 0) {
                return -ENOMEM;
        }
        return add_on_parent(socket, link, settings, reason);
}
