/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/netlink/interface.h"

#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "network/netlink/link.h"

void interface_list_clear(struct interface_list *list)
{
        for (size_t i = 0; i < list->count; i++) {
                free(list->items[i].alias);
                free(list->items[i].kind);
        }
        free(list->items);
        *list = (struct interface_list){ 0 };
}

/* A request about a link. NULL if out of memory. */
static struct nl_msg *link_message(int type, const struct ifinfomsg *link)
{
        struct nl_msg *message = nlmsg_alloc_simple(type, 0);

        if (message && nlmsg_append(message, (void *)link, sizeof(*link), NLMSG_ALIGNTO) < 0) {
                nlmsg_free(message);
                return NULL;
        }
        return message;
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

static void clear_links(void *data)
{
        interface_list_clear(data);
}

int interface_list_load(struct nl_sock *socket, int master, struct interface_list *ret)
{
        _cleanup_interface_list_ struct interface_list list = { 0 };
        _cleanup_nl_message_ struct nl_msg *message =
                link_message(RTM_GETLINK, &(struct ifinfomsg){ .ifi_family = AF_UNSPEC });
        int r;

        if (!message || nla_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS) < 0 ||
            (master != INTERFACE_ALL && nla_put_u32(message, IFLA_MASTER, (uint32_t)master) < 0)) {
                return -ENOMEM;
        }
        r = netlink_dump_repeat(socket, message, take_link, clear_links, &list);
        if (r == 0) {
                *ret = list;
                list = (struct interface_list){ 0 };
        }
        return r;
}

int interface_list_add(struct nl_sock *socket, const char *name, struct interface_list *list)
{
        _cleanup_nl_message_ struct nl_msg *message =
                link_message(RTM_GETLINK, &(struct ifinfomsg){ .ifi_family = AF_UNSPEC });

        if (!message || nla_put_string(message, IFLA_IFNAME, name) < 0 ||
            nla_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS) < 0) {
                return -ENOMEM;
        }
        return netlink_ask(socket, message, take_link, list);
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

static int take_address(struct nlmsghdr *header, void *data)
{
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
        /* On a point-to-point link, IFA_ADDRESS is the peer's address (rtnetlink(7)). */
        value = attributes[IFA_LOCAL] ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS];
        size = address_size(information->ifa_family);
        if (!value || nla_len(value) < (int)size) {
                return 0;
        }
        item = netlink_list_add(data);
        if (!item) {
                return -ENOMEM;
        }
        item->index = (int)information->ifa_index;
        item->length = information->ifa_prefixlen;
        item->permanent = information->ifa_flags & IFA_F_PERMANENT;
        item->scope = information->ifa_scope;
        item->address.family = information->ifa_family;
        memcpy(item->address.bytes, nla_data(value), size);
        return 0;
}

int interface_addresses(struct nl_sock *socket, struct interface_address **ret, size_t *ret_count)
{
        struct netlink_list list = { .item_size = sizeof(**ret) };
        struct ifaddrmsg header = { .ifa_family = AF_UNSPEC };
        int r = netlink_list_load(socket, RTM_GETADDR, &header, sizeof(header), take_address,
                                  &list);

        *ret = list.items;
        *ret_count = list.count;
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

int interface_move(struct nl_sock *socket, int index, int namespace_fd, const char *name,
                   struct netlink_reason *reason)
{
        _cleanup_nl_message_ struct nl_msg *message =
                link_message(RTM_NEWLINK, &(struct ifinfomsg){ .ifi_index = index });

        if (!message || nla_put_u32(message, IFLA_NET_NS_FD, (uint32_t)namespace_fd) < 0 ||
            (name && nla_put_string(message, IFLA_IFNAME, name) < 0)) {
                return -ENOMEM;
        }
        return netlink_request(socket, message, reason);
}

int interface_up(struct nl_sock *socket, int index, struct netlink_reason *reason)
{
        _cleanup_nl_message_ struct nl_msg *message =
                link_message(RTM_NEWLINK, &(struct ifinfomsg){
                                                  .ifi_index = index,
                                                  .ifi_flags = IFF_UP,
                                                  .ifi_change = IFF_UP,
                                          });

        return message ? netlink_request(socket, message, reason) : -ENOMEM;
}

int interface_rename(struct nl_sock *socket, int index, const char *name,
                     struct netlink_reason *reason)
{
        _cleanup_nl_message_ struct nl_msg *message =
                link_message(RTM_NEWLINK, &(struct ifinfomsg){ .ifi_index = index });

        if (!message || nla_put_string(message, IFLA_IFNAME, name) < 0) {
                return -ENOMEM;
        }
        return netlink_request(socket, message, reason);
}

int interface_delete(struct nl_sock *socket, int index)
{
        _cleanup_nl_message_ struct nl_msg *message =
                link_message(RTM_DELLINK, &(struct ifinfomsg){ .ifi_index = index });
        int r = message ? netlink_request(socket, message, NULL) : -ENOMEM;

        return r == -ENODEV ? 0 : r;
}

int interface_condemn(struct nl_sock *socket, int index)
{
        _cleanup_nl_message_ struct nl_msg *message =
                link_message(RTM_NEWLINK, &(struct ifinfomsg){ .ifi_index = index });

        if (!message || nla_put_u32(message, IFLA_GROUP, LINK_GROUP_CONDEMNED) < 0) {
                return -ENOMEM;
        }
        return netlink_request(socket, message, NULL);
}

int interface_delete_condemned(struct nl_sock *socket)
{
        _cleanup_nl_message_ struct nl_msg *message =
                link_message(RTM_DELLINK, &(struct ifinfomsg){ .ifi_family = AF_UNSPEC });
        int r = message && nla_put_u32(message, IFLA_GROUP, LINK_GROUP_CONDEMNED) == 0
                        ? netlink_request(socket, message, NULL)
                        : -ENOMEM;

        return r == -ENODEV ? 0 : r;
}

/* Adds the settings of a bridge port to a link request. */
static int put_port(struct nl_msg *message, const struct interface_port *port)
{
        const struct {
                int attribute;
                uint8_t value;
        } settings[] = {
                { IFLA_BRPORT_MODE, 1 }, /* hairpin */
                { IFLA_BRPORT_ISOLATED, port->isolated },
                { IFLA_BRPORT_LEARNING, !port->mac },
                { IFLA_BRPORT_UNICAST_FLOOD, !port->mac },
                { IFLA_BRPORT_GUARD, port->mac != NULL },
        };
        struct nlattr *information = nla_nest_start(message, IFLA_LINKINFO);
        struct nlattr *data;

        if (!information || nla_put_string(message, IFLA_INFO_SLAVE_KIND, "bridge") < 0) {
                return -ENOMEM;
        }
        data = nla_nest_start(message, IFLA_INFO_SLAVE_DATA | NLA_F_NESTED);
        for (size_t i = 0; data && i < ELEMENTS_OF(settings); i++) {
                if (nla_put_u8(message, settings[i].attribute, settings[i].value) < 0) {
                        return -ENOMEM;
                }
        }
        if (!data) {
                return -ENOMEM;
        }
        nla_nest_end(message, data);
        nla_nest_end(message, information);
        return 0;
}

/* A port without addresses of its own: each link-local one is a route that the host searches for
 * every address that it adds. Only has an effect while the link has no carrier. */
static int put_no_addresses(struct nl_msg *message)
{
        struct nlattr *families = nla_nest_start(message, IFLA_AF_SPEC);
        struct nlattr *six = families ? nla_nest_start(message, AF_INET6) : NULL;

        if (!six || nla_put_u8(message, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE) < 0) {
                return -ENOMEM;
        }
        nla_nest_end(message, six);
        nla_nest_end(message, families);
        return 0;
}

static int tag(struct nl_sock *socket, int index, const char *alias,
               const struct interface_port *port, struct netlink_reason *reason)
{
        _cleanup_nl_message_ struct nl_msg *message =
                link_message(RTM_NEWLINK, &(struct ifinfomsg){ .ifi_index = index });

        if (!message || nla_put(message, IFLA_IFALIAS, (int)strlen(alias), alias) < 0 ||
            (port && put_port(message, port) < 0) ||
            (port && port->ipv6 && put_no_addresses(message) < 0)) {
                return -ENOMEM;
        }
        return netlink_request(socket, message, reason);
}

int interface_tag(struct nl_sock *socket, int index, const char *alias,
                  struct netlink_reason *reason)
{
        return tag(socket, index, alias, NULL, reason);
}

/* Replaces the entry of the machine's previous link, which the kernel may not have removed yet. */
static int fix_mac(struct nl_sock *socket, int index, const uint8_t *mac,
                   struct netlink_reason *reason)
{
        _cleanup_nl_message_ struct nl_msg *message =
                nlmsg_alloc_simple(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
        struct ndmsg entry = {
                .ndm_family = AF_BRIDGE,
                .ndm_ifindex = index,
                .ndm_state = NUD_NOARP,
                .ndm_flags = NTF_MASTER,
        };

        if (!message || nlmsg_append(message, &entry, sizeof(entry), NLMSG_ALIGNTO) < 0 ||
            nla_put(message, NDA_LLADDR, ETH_ALEN, mac) < 0) {
                return -ENOMEM;
        }
        return netlink_request(socket, message, reason);
}

int interface_set_port(struct nl_sock *socket, int index, const struct interface_port *port,
                       struct netlink_reason *reason)
{
        int r = tag(socket, index, port->alias, port, reason);

        return r == 0 && port->mac ? fix_mac(socket, index, port->mac, reason) : r;
}
