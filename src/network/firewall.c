/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/firewall.h"

#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "network/firewalld.h"
#include "network/netlink.h"

#define DUMP_ATTEMPTS 4

/* A chain in which a packet may end that we would let through. */
struct chain {
        uint8_t family;
        char *table;
        char *name;
        bool forward; /* hooked to forward, dropping what no rule accepts */
};

struct chains {
        struct chain *items;
        size_t count;
        const char *own;
};

struct mention {
        const char *bridge;
        bool found;
};

static struct nl_msg *new_message(uint16_t type, uint8_t family, int flags)
{
        struct nl_msg *message = nlmsg_alloc_simple(NFNL_SUBSYS_NFTABLES << 8 | type, flags);
        struct nfgenmsg header = { .nfgen_family = family, .version = NFNETLINK_V0 };

        if (message && nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) < 0) {
                nlmsg_free(message);
                return NULL;
        }
        return message;
}

int firewall_has_table(const char *table, bool *ret)
{
        _cleanup_nl_socket_ struct nl_sock *socket = NULL;
        _cleanup_nl_message_ struct nl_msg *message =
                new_message(NFT_MSG_GETTABLE, NFPROTO_INET, 0);
        int r;

        if (!message || nla_put_string(message, NFTA_TABLE_NAME, table) < 0) {
                return -ENOMEM;
        }
        r = netlink_open(NETLINK_NETFILTER, &socket);
        if (r == 0) {
                r = netlink_request(socket, message, NULL);
        }
        if (r == 0 || r == -ENOENT) {
                *ret = r == 0;
                return 0;
        }
        return r;
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
        _cleanup_nl_socket_ struct nl_sock *socket = NULL;
        _cleanup_nl_message_ struct nl_msg *message =
                new_message(NFT_MSG_GETSETELEM, NFPROTO_INET, 0);
        int r;

        if (!message || nla_put_string(message, NFTA_SET_ELEM_LIST_TABLE, table) < 0 ||
            nla_put_string(message, NFTA_SET_ELEM_LIST_SET, map) < 0 || put_key(message, key) < 0) {
                return -ENOMEM;
        }
        r = netlink_open(NETLINK_NETFILTER, &socket);
        if (r == 0) {
                r = netlink_request(socket, message, NULL);
        }
        if (r == 0 || r == -ENOENT) {
                *ret = r == 0;
                return 0;
        }
        return r;
}

static void clear_chains(struct chains *chains)
{
        for (size_t i = 0; i < chains->count; i++) {
                free(chains->items[i].table);
                free(chains->items[i].name);
        }
        free(chains->items);
}

/* Whether a base chain is hooked to forward and drops by default. firewalld's accepts by default
 * and ends with a rule that rejects. */
static bool drops_forwarded(struct nlattr **attributes, const char *table)
{
        struct nlattr *hook[NFTA_HOOK_MAX + 1];

        if (!attributes[NFTA_CHAIN_HOOK] ||
            nla_parse_nested(hook, NFTA_HOOK_MAX, attributes[NFTA_CHAIN_HOOK], NULL) < 0 ||
            !hook[NFTA_HOOK_HOOKNUM] ||
            ntohl(nla_get_u32(hook[NFTA_HOOK_HOOKNUM])) != NF_INET_FORWARD) {
                return false;
        }
        return strcmp(table, "firewalld") == 0 ||
               (attributes[NFTA_CHAIN_POLICY] &&
                ntohl(nla_get_u32(attributes[NFTA_CHAIN_POLICY])) == NF_DROP);
}

static int take_chain(struct nlmsghdr *header, void *data)
{
        struct chains *chains = data;
        const struct nfgenmsg *information = nlmsg_data(header);
        struct nlattr *attributes[NFTA_CHAIN_MAX + 1];
        struct chain *chain;

        if (nlmsg_parse(header, sizeof(*information), attributes, NFTA_CHAIN_MAX, NULL) < 0 ||
            !attributes[NFTA_CHAIN_TABLE] || !attributes[NFTA_CHAIN_NAME] ||
            strcmp(nla_get_string(attributes[NFTA_CHAIN_TABLE]), chains->own) == 0 ||
            (information->nfgen_family != NFPROTO_INET &&
             information->nfgen_family != NFPROTO_IPV4 &&
             information->nfgen_family != NFPROTO_IPV6)) {
                return 0;
        }
        chain = reallocarray(chains->items, chains->count + 1, sizeof(*chain));
        if (!chain) {
                return -ENOMEM;
        }
        chains->items = chain;
        chain = &chains->items[chains->count];
        *chain = (struct chain){
                .family = information->nfgen_family,
                .table = nla_strdup(attributes[NFTA_CHAIN_TABLE]),
                .name = nla_strdup(attributes[NFTA_CHAIN_NAME]),
        };
        chains->count++;
        if (!chain->table || !chain->name) {
                return -ENOMEM;
        }
        chain->forward = drops_forwarded(attributes, chain->table);
        return 0;
}

static int load_chains(struct nl_sock *socket, struct chains *chains)
{
        int r = -EAGAIN;

        for (int attempt = 0; r == -EAGAIN && attempt < DUMP_ATTEMPTS; attempt++) {
                _cleanup_nl_message_ struct nl_msg *message =
                        new_message(NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, 0);

                clear_chains(chains);
                chains->items = NULL;
                chains->count = 0;
                if (!message) {
                        return -ENOMEM;
                }
                r = netlink_dump(socket, message, take_chain, chains);
        }
        return r;
}

/* A rule that compares an interface's name holds it as it is. */
static int look_for_bridge(struct nlmsghdr *header, void *data)
{
        struct mention *mention = data;

        if (memmem(nlmsg_data(header), (size_t)nlmsg_datalen(header), mention->bridge,
                   strlen(mention->bridge))) {
                mention->found = true;
        }
        return 0;
}

static bool mentions(struct nl_sock *socket, const struct chain *chain, const char *bridge)
{
        struct mention mention = { .bridge = bridge };
        _cleanup_nl_message_ struct nl_msg *message =
                new_message(NFT_MSG_GETRULE, chain->family, 0);

        if (message && nla_put_string(message, NFTA_RULE_TABLE, chain->table) == 0) {
                (void)netlink_dump(socket, message, look_for_bridge, &mention);
        }
        return mention.found;
}

static bool has_chain(const struct chains *chains, const struct chain *beside, const char *name)
{
        for (size_t i = 0; i < chains->count; i++) {
                if (chains->items[i].family == beside->family &&
                    string_equal(chains->items[i].table, beside->table) &&
                    string_equal(chains->items[i].name, name)) {
                        return true;
                }
        }
        return false;
}

static const char *family_name(uint8_t family)
{
        return family == NFPROTO_INET ? "inet" : family == NFPROTO_IPV4 ? "ip" : "ip6";
}

/* The command that lets a bridge's packets through, in the words of whoever owns the chain. */
static char *mend(const struct chains *chains, const struct chain *chain, const char *b)
{
        bool six = chain->family == NFPROTO_IPV6;
        const char *tool = six ? "ip6tables" : "iptables";
        const char *entry = has_chain(chains, chain, "DOCKER-USER") ? "DOCKER-USER" : "FORWARD";

        if (string_equal(chain->table, "firewalld")) {
                return string_format("firewall-cmd --zone=trusted --add-interface=%s && "
                                     "firewall-cmd --permanent --zone=trusted --add-interface=%s",
                                     b, b);
        }
        if (has_chain(chains, chain, six ? "ufw6-before-forward" : "ufw-before-forward")) {
                return string_format("ufw route allow in on %s && ufw route allow out on %s", b, b);
        }
        if (chain->family != NFPROTO_INET && string_equal(chain->table, "filter") &&
            string_equal(chain->name, "FORWARD")) {
                return string_format("%s -I %s -i %s -j ACCEPT && %s -I %s -o %s -j ACCEPT", tool,
                                     entry, b, tool, entry, b);
        }
        return string_format("nft insert rule %s %s %s iifname %s accept && "
                             "nft insert rule %s %s %s oifname %s accept",
                             family_name(chain->family), chain->table, chain->name, b,
                             family_name(chain->family), chain->table, chain->name, b);
}

static int warn(const struct chains *chains, const struct chain *chain, const char *bridge,
                char ***warnings)
{
        _cleanup_free_ char *command = mend(chains, chain, bridge);

        if (!command) {
                return -ENOMEM;
        }
        return strv_take(warnings,
                         string_format("the firewall table \"%s %s\" drops what is forwarded for "
                                       "%s; to let it pass: %s",
                                       family_name(chain->family), chain->table, bridge, command));
}

int firewall_warn(const char *table, const char *bridge, bool own, char ***warnings)
{
        _cleanup_nl_socket_ struct nl_sock *socket = NULL;
        _cleanup_(clear_chains) struct chains chains = { .own = table };
        int r = netlink_open(NETLINK_NETFILTER, &socket);

        if (r == 0) {
                r = load_chains(socket, &chains);
        }
        for (size_t i = 0; r == 0 && i < chains.count; i++) {
                const struct chain *chain = &chains.items[i];

                if (!chain->forward || mentions(socket, chain, bridge) ||
                    (own && string_equal(chain->table, "firewalld") &&
                     firewalld_trust(bridge) == 0)) {
                        continue;
                }
                r = warn(&chains, chain, bridge, warnings);
        }
        return r;
}
