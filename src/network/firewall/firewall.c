/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/firewall/firewall.h"

#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>

#include "base/strings.h"
#include "network/firewall/conflict.h"
#include "network/firewall/firewalld.h"
#include "network/firewall/guard.h"
#include "network/netlink/netlink.h"

/* Whether the object of a request exists. */
static int ask(struct nl_msg *message, bool *ret)
{
        _cleanup_nl_socket_ struct nl_sock *socket = NULL;
        int r = netlink_open(NETLINK_NETFILTER, &socket);

        if (r == 0) {
                r = netlink_request(socket, message, NULL);
        }
        if (r == 0 || r == -ENOENT) {
                *ret = r == 0;
                return 0;
        }
        return r;
}

int firewall_has_table(const char *table, uint8_t family, bool *ret)
{
        _cleanup_nl_message_ struct nl_msg *message =
                netlink_filter_message(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE, family);

        if (!message || nla_put_string(message, NFTA_TABLE_NAME, table) < 0) {
                return -ENOMEM;
        }
        return ask(message, ret);
}

static int put_key(struct nl_msg *message, const uint8_t *packed, size_t length)
{
        struct nlattr *list = nla_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED);
        struct nlattr *item = list ? nla_nest_start(message, NFTA_LIST_ELEM | NLA_F_NESTED) : NULL;
        struct nlattr *data =
                item ? nla_nest_start(message, NFTA_SET_ELEM_KEY | NLA_F_NESTED) : NULL;

        if (!data || nla_put(message, NFTA_DATA_VALUE, (int)length, packed) < 0) {
                return -ENOMEM;
        }
        nla_nest_end(message, data);
        nla_nest_end(message, item);
        nla_nest_end(message, list);
        return 0;
}

static int has_element(const char *table, uint8_t family, const char *set, const uint8_t *packed,
                       size_t length, bool *ret)
{
        _cleanup_nl_message_ struct nl_msg *message =
                netlink_filter_message(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETSETELEM, family);

        if (!message || nla_put_string(message, NFTA_SET_ELEM_LIST_TABLE, table) < 0 ||
            nla_put_string(message, NFTA_SET_ELEM_LIST_SET, set) < 0 ||
            put_key(message, packed, length) < 0) {
                return -ENOMEM;
        }
        return ask(message, ret);
}

int firewall_has_key(const char *table, const char *map, const struct set_element_key *key,
                     bool *ret)
{
        uint8_t packed[SET_ELEMENT_SIZE];
        size_t length = set_elements_pack_key(key, packed);

        return has_element(table, NFPROTO_INET, map, packed, length, ret);
}

int firewall_has_guard(const char *table, const char *link, bool *ret)
{
        struct guard_element element;

        guard_pack_link(link, &element);
        return has_element(table, NFPROTO_BRIDGE, element.set, element.key, element.length, ret);
}

static bool concerns(const struct firewall_question *question,
                     const struct firewall_conflict *conflict)
{
        return conflict->family == NFPROTO_IPV4   ? question->ipv4
               : conflict->family == NFPROTO_IPV6 ? question->ipv6
                                                  : true;
}

/* One command may fix several tables: ufw's is for IPv4 and IPv6. */
static int warn(const struct firewall_conflict *conflict, const char *bridge, char ***commands,
                char ***warnings)
{
        _cleanup_free_ char *table = conflict_describe(conflict);
        _cleanup_free_ char *command = conflict_command(conflict, bridge);

        if (!table || !command) {
                return -ENOMEM;
        }
        if (strv_contains(*commands, command)) {
                return 0;
        }
        if (strv_append(commands, command) < 0) {
                return -ENOMEM;
        }
        return strv_take(warnings,
                         string_format("%s drops packets forwarded for %s; to let them pass: %s",
                                       table, bridge, command));
}

int firewall_warn(const struct firewall_question *question, char ***warnings)
{
        _cleanup_conflict_list_ struct conflict_list list = { 0 };
        _cleanup_strv_ char **commands = NULL;
        int r = conflict_find_nftables(question->table, question->bridge, &list);

        if (r == 0) {
                r = conflict_find_legacy(question->bridge, &list);
        }
        for (size_t i = 0; r == 0 && i < list.count; i++) {
                const struct firewall_conflict *conflict = &list.items[i];

                if (!concerns(question, conflict) ||
                    (question->own && conflict->owner == CONFLICT_FIREWALLD &&
                     firewalld_trust(question->bridge) == 0)) {
                        continue;
                }
                r = warn(conflict, question->bridge, &commands, warnings);
        }
        return r;
}
