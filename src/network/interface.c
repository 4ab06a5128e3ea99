/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/interface.h"

#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"

#define DUMP_ATTEMPTS 16

void interface_list_clear(struct interface_list *list)
{
        for (size_t i = 0; i < list->count; i++) {
                free(list->items[i].alias);
                free(list->items[i].kind);
        }
        free(list->items);
        *list = (struct interface_list){ 0 };
}

static int take_text(struct nlattr *attribute, char **ret)
{
        if (!attribute) {
                return 0;
        }
        *ret = nla_strdup(attribute);
        return *ret ? 0 : -ENOMEM;
}

static int take_link(struct nlmsghdr *header, void *data)
{
        struct interface_list *list = data;
        const struct ifinfomsg *information = nlmsg_data(header);
        struct nlattr *attributes[IFLA_MAX + 1];
        struct nlattr *kind = NULL;
        struct interface *item;

        if (header->nlmsg_type != RTM_NEWLINK ||
            nlmsg_parse(header, sizeof(*information), attributes, IFLA_MAX, NULL) < 0) {
                return 0;
        }
        item = reallocarray(list->items, list->count + 1, sizeof(*item));
        if (!item) {
                return -ENOMEM;
        }
        list->items = item;
        item = &list->items[list->count++];
        *item = (struct interface){ .index = information->ifi_index,
                                    .flags = information->ifi_flags };
        if (attributes[IFLA_IFNAME]) {
                nla_strlcpy(item->name, attributes[IFLA_IFNAME], sizeof(item->name));
        }
        if (attributes[IFLA_MASTER]) {
                item->master = (int)nla_get_u32(attributes[IFLA_MASTER]);
        }
        if (attributes[IFLA_GROUP]) {
                item->group = nla_get_u32(attributes[IFLA_GROUP]);
        }
        if (attributes[IFLA_MTU]) {
                item->mtu = nla_get_u32(attributes[IFLA_MTU]);
        }
        if (attributes[IFLA_LINKINFO]) {
                kind = nla_find(nla_data(attributes[IFLA_LINKINFO]),
                                nla_len(attributes[IFLA_LINKINFO]), IFLA_INFO_KIND);
        }
        return take_text(attributes[IFLA_IFALIAS], &item->alias) < 0 ||
                               take_text(kind, &item->kind) < 0
                       ? -ENOMEM
                       : 0;
}

int interface_list_load(struct nl_sock *socket, struct interface_list *ret)
{
        int r = -EAGAIN;

        for (int attempt = 0; r == -EAGAIN && attempt < DUMP_ATTEMPTS; attempt++) {
                _cleanup_interface_list_ struct interface_list list = { 0 };
                _cleanup_nl_message_ struct nl_msg *message = nlmsg_alloc_simple(RTM_GETLINK, 0);
                struct ifinfomsg information = { .ifi_family = AF_UNSPEC };

                if (!message ||
                    nlmsg_append(message, &information, sizeof(information), NLMSG_ALIGNTO) < 0 ||
                    nla_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS) < 0) {
                        return -ENOMEM;
                }
                r = netlink_dump(socket, message, take_link, &list);
                if (r == 0) {
                        *ret = list;
                        list = (struct interface_list){ 0 };
                }
        }
        return r;
}

const struct interface *interface_by_name(const struct interface_list *list, const char *name)
{
        for (size_t i = 0; i < list->count; i++) {
                if (strcmp(list->items[i].name, name) == 0) {
                        return &list->items[i];
                }
        }
        return NULL;
}

const struct interface *interface_by_index(const struct interface_list *list, int index)
{
        for (size_t i = 0; i < list->count; i++) {
                if (list->items[i].index == index) {
                        return &list->items[i];
                }
        }
        return NULL;
}

struct address_list {
        struct interface_address *items;
        size_t count;
};

static int take_address(struct nlmsghdr *header, void *data)
{
        struct address_list *list = data;
        const struct ifaddrmsg *information = nlmsg_data(header);
        struct nlattr *attributes[IFA_MAX + 1];
        struct nlattr *value;
        struct interface_address *item;
        size_t size;

        if (header->nlmsg_type != RTM_NEWADDR ||
            (information->ifa_family != AF_INET && information->ifa_family != AF_INET6) ||
            nlmsg_parse(header, sizeof(*information), attributes, IFA_MAX, NULL) < 0) {
                return 0;
        }
        /* IFA_ADDRESS is the peer's on a point-to-point link (rtnetlink(7)). */
        value = attributes[IFA_LOCAL] ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS];
        size = address_size(information->ifa_family);
        if (!value || nla_len(value) < (int)size) {
                return 0;
        }
        item = reallocarray(list->items, list->count + 1, sizeof(*item));
        if (!item) {
                return -ENOMEM;
        }
        list->items = item;
        item = &list->items[list->count++];
        *item = (struct interface_address){ .index = (int)information->ifa_index,
                                            .length = information->ifa_prefixlen };
        item->address.family = information->ifa_family;
        memcpy(item->address.bytes, nla_data(value), size);
        return 0;
}

int interface_addresses(struct nl_sock *socket, struct interface_address **ret, size_t *ret_count)
{
        int r = -EAGAIN;

        for (int attempt = 0; r == -EAGAIN && attempt < DUMP_ATTEMPTS; attempt++) {
                struct address_list list = { 0 };
                _cleanup_nl_message_ struct nl_msg *message = nlmsg_alloc_simple(RTM_GETADDR, 0);
                struct ifaddrmsg information = { .ifa_family = AF_UNSPEC };

                if (!message ||
                    nlmsg_append(message, &information, sizeof(information), NLMSG_ALIGNTO) < 0) {
                        return -ENOMEM;
                }
                r = netlink_dump(socket, message, take_address, &list);
                if (r == 0) {
                        *ret = list.items;
                        *ret_count = list.count;
                } else {
                        free(list.items);
                }
        }
        return r;
}

int interface_add_address(struct nl_sock *socket, int index, const struct network_address *address,
                          unsigned int length, struct netlink_reason *reason)
{
        _cleanup_nl_message_ struct nl_msg *message =
                nlmsg_alloc_simple(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
        struct ifaddrmsg information = {
                .ifa_family = (uint8_t)address->family,
                .ifa_prefixlen = (uint8_t)length,
                .ifa_index = (unsigned int)index,
                .ifa_flags = IFA_F_PERMANENT,
        };
        size_t size = address_size(address->family);
        int r;

        if (address->family == AF_INET6) {
                /* Duplicate address detection keeps an address unusable for a second or more. */
                information.ifa_flags |= IFA_F_NODAD;
        }
        if (!message ||
            nlmsg_append(message, &information, sizeof(information), NLMSG_ALIGNTO) < 0 ||
            nla_put(message, IFA_LOCAL, (int)size, address->bytes) < 0 ||
            nla_put(message, IFA_ADDRESS, (int)size, address->bytes) < 0) {
                return -ENOMEM;
        }
        if (address->family == AF_INET && length < 31) {
                uint32_t broadcast;

                memcpy(&broadcast, address->bytes, sizeof(broadcast));
                broadcast |= htonl(UINT32_MAX >> length);
                if (nla_put_u32(message, IFA_BROADCAST, broadcast) < 0) {
                        return -ENOMEM;
                }
        }
        r = netlink_request(socket, message, reason);
        return r == -EEXIST ? 0 : r;
}

int interface_up(struct nl_sock *socket, int index, struct netlink_reason *reason)
{
        _cleanup_nl_message_ struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWLINK, 0);
        struct ifinfomsg information = {
                .ifi_index = index,
                .ifi_flags = IFF_UP,
                .ifi_change = IFF_UP,
        };

        if (!message ||
            nlmsg_append(message, &information, sizeof(information), NLMSG_ALIGNTO) < 0) {
                return -ENOMEM;
        }
        return netlink_request(socket, message, reason);
}

int interface_rename(struct nl_sock *socket, int index, const char *name,
                     struct netlink_reason *reason)
{
        _cleanup_nl_message_ struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWLINK, 0);
        struct ifinfomsg information = { .ifi_index = index };

        if (!message ||
            nlmsg_append(message, &information, sizeof(information), NLMSG_ALIGNTO) < 0 ||
            nla_put_string(message, IFLA_IFNAME, name) < 0) {
                return -ENOMEM;
        }
        return netlink_request(socket, message, reason);
}

int interface_delete(struct nl_sock *socket, int index)
{
        _cleanup_nl_message_ struct nl_msg *message = nlmsg_alloc_simple(RTM_DELLINK, 0);
        struct ifinfomsg information = { .ifi_index = index };
        int r;

        if (!message ||
            nlmsg_append(message, &information, sizeof(information), NLMSG_ALIGNTO) < 0) {
                return -ENOMEM;
        }
        r = netlink_request(socket, message, NULL);
        return r == -ENODEV ? 0 : r;
}

/* Settings of a bridge's port, as attributes of its link. */
static int put_port(struct nl_msg *message, bool isolated)
{
        struct nlattr *information = nla_nest_start(message, IFLA_LINKINFO);
        struct nlattr *data;

        if (!information || nla_put_string(message, IFLA_INFO_SLAVE_KIND, "bridge") < 0) {
                return -ENOMEM;
        }
        data = nla_nest_start(message, IFLA_INFO_SLAVE_DATA | NLA_F_NESTED);
        if (!data || nla_put_u8(message, IFLA_BRPORT_MODE, 1) < 0 ||
            nla_put_u8(message, IFLA_BRPORT_ISOLATED, isolated) < 0) {
                return -ENOMEM;
        }
        nla_nest_end(message, data);
        nla_nest_end(message, information);
        return 0;
}

static int tag(struct nl_sock *socket, int index, const char *alias, bool port, bool isolated,
               struct netlink_reason *reason)
{
        _cleanup_nl_message_ struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWLINK, 0);
        struct ifinfomsg information = { .ifi_index = index };

        if (!message ||
            nlmsg_append(message, &information, sizeof(information), NLMSG_ALIGNTO) < 0 ||
            nla_put(message, IFLA_IFALIAS, (int)strlen(alias), alias) < 0 ||
            (port && put_port(message, isolated) < 0)) {
                return -ENOMEM;
        }
        return netlink_request(socket, message, reason);
}

int interface_tag(struct nl_sock *socket, int index, const char *alias,
                  struct netlink_reason *reason)
{
        return tag(socket, index, alias, false, false, reason);
}

int interface_tag_port(struct nl_sock *socket, int index, const char *alias, bool isolated,
                       struct netlink_reason *reason)
{
        return tag(socket, index, alias, true, isolated, reason);
}
