/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/netlink/route.h"

#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>

/* A multipath route (RTA_MULTIPATH): the first next hop represents all. */
static void take_multipath(struct nlattr *attribute, struct route *route)
{
        const struct rtnexthop *hop = nla_data(attribute);

        if (nla_len(attribute) >= (int)sizeof(*hop)) {
                route->interface = hop->rtnh_ifindex;
        }
}

static void take_address(struct nlattr *attribute, sa_family_t family, struct network_address *ret)
{
        if (attribute && nla_len(attribute) >= (int)address_size(family)) {
                ret->family = family;
                memcpy(ret->bytes, nla_data(attribute), address_size(family));
        }
}

static int take_route(struct nlmsghdr *header, void *data)
{
        const struct rtmsg *information = nlmsg_data(header);
        struct nlattr *attributes[RTA_MAX + 1];
        struct route *route;

        if (header->nlmsg_type != RTM_NEWROUTE ||
            (information->rtm_family != AF_INET && information->rtm_family != AF_INET6) ||
            information->rtm_type == RTN_LOCAL || information->rtm_type == RTN_BROADCAST ||
            information->rtm_type == RTN_ANYCAST || information->rtm_type == RTN_MULTICAST ||
            (information->rtm_flags & RTM_F_CLONED) ||
            nlmsg_parse(header, sizeof(*information), attributes, RTA_MAX, NULL) < 0) {
                return 0;
        }
        route = netlink_list_add(data);
        if (!route) {
                return -ENOMEM;
        }
        route->destination.length = information->rtm_dst_len;
        route->destination.address.family = information->rtm_family;
        take_address(attributes[RTA_DST], information->rtm_family, &route->destination.address);
        take_address(attributes[RTA_GATEWAY], information->rtm_family, &route->gateway);
        if (attributes[RTA_OIF]) {
                route->interface = (int)nla_get_u32(attributes[RTA_OIF]);
        } else if (attributes[RTA_MULTIPATH]) {
                take_multipath(attributes[RTA_MULTIPATH], route);
        }
        if (attributes[RTA_PRIORITY]) {
                route->priority = nla_get_u32(attributes[RTA_PRIORITY]);
        }
        return 0;
}

int route_list(struct nl_sock *socket, struct route **ret, size_t *ret_count)
{
        struct netlink_list list = { .item_size = sizeof(**ret) };
        struct rtmsg header = { .rtm_family = AF_UNSPEC };
        int r = netlink_list_load(socket, RTM_GETROUTE, &header, sizeof(header), take_route, &list);

        *ret = list.items;
        *ret_count = list.count;
        return r;
}

const struct route *route_default(const struct route *routes, size_t count, sa_family_t family)
{
        const struct route *best = NULL;

        for (size_t i = 0; i < count; i++) {
                if (routes[i].destination.length == 0 &&
                    routes[i].destination.address.family == family && routes[i].interface != 0 &&
                    (!best || routes[i].priority < best->priority)) {
                        best = &routes[i];
                }
        }
        return best;
}
