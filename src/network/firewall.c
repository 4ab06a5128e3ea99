/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/firewall.h"

#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>

#include "base/strings.h"
#include "network/firewalld.h"
#include "network/netlink.h"
#include "network/obstacle.h"

/* Whether what a message asks for is there. */
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

int firewall_has_table(const char *table, bool *ret)
{
        _cleanup_nl_message_ struct nl_msg *message =
                netlink_filter_message(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE, NFPROTO_INET);

        if (!message || nla_put_string(message, NFTA_TABLE_NAME, table) < 0) {
                return -ENOMEM;
        }
        return ask(message, ret);
}

static int put_key(struct nl_msg *message, const struct element_key *key)
{
        uint8_t packed[ELEMENT_SIZE];
        size_t length = elements_pack_key(key, packed);
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

int firewall_has_key(const char *table, const char *map, const struct element_key *key, bool *ret)
{
        _cleanup_nl_message_ struct nl_msg *message =
                netlink_filter_message(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETSETELEM, NFPROTO_INET);

        if (!message || nla_put_string(message, NFTA_SET_ELEM_LIST_TABLE, table) < 0 ||
            nla_put_string(message, NFTA_SET_ELEM_LIST_SET, map) < 0 || put_key(message, key) < 0) {
                return -ENOMEM;
        }
        return ask(message, ret);
}

static bool concerns(const struct firewall_question *question, const struct obstacle *obstacle)
{
        return obstacle->family == NFPROTO_IPV4   ? question->ipv4
               : obstacle->family == NFPROTO_IPV6 ? question->ipv6
                                                  : true;
}

/* One command may mend several tables: ufw's is for IPv4 and IPv6. */
static int warn(const struct obstacle *obstacle, const char *bridge, char ***commands,
                char ***warnings)
{
        _cleanup_free_ char *table = obstacle_describe(obstacle);
        _cleanup_free_ char *command = obstacle_mend(obstacle, bridge);

        if (!table || !command) {
                return -ENOMEM;
        }
        if (strv_contains(*commands, command)) {
                return 0;
        }
        if (strv_append(commands, command) < 0) {
                return -ENOMEM;
        }
        return strv_take(warnings, string_format("%s drops what is forwarded for %s; to let it "
                                                 "pass: %s",
                                                 table, bridge, command));
}

int firewall_warn(const struct firewall_question *question, char ***warnings)
{
        _cleanup_obstacle_list_ struct obstacle_list list = { 0 };
        _cleanup_strv_ char **commands = NULL;
        int r = obstacle_find_nftables(question->table, question->bridge, &list);

        if (r == 0) {
                r = obstacle_find_legacy(question->bridge, &list);
        }
        for (size_t i = 0; r == 0 && i < list.count; i++) {
                const struct obstacle *obstacle = &list.items[i];

                if (!concerns(question, obstacle) ||
                    (question->own && obstacle->owner == OBSTACLE_FIREWALLD &&
                     firewalld_trust(question->bridge) == 0)) {
                        continue;
                }
                r = warn(obstacle, question->bridge, &commands, warnings);
        }
        return r;
}
