/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "network/firewall/conflict.h"
#include "network/netlink/netlink.h"

#define FIREWALLD_TABLE "firewalld"

/* A chain that may drop a packet that we accept. */
struct chain {
        uint8_t family;
        char *table;
        char *name;
        bool forward; /* hooked to forward, and drops by default */
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

static void clear_chains(void *data)
{
        struct chains *chains = data;

        for (size_t i = 0; i < chains->count; i++) {
                free(chains->items[i].table);
                free(chains->items[i].name);
        }
        free(chains->items);
        *chains = (struct chains){ .own = chains->own };
}

/* Whether a base chain is hooked to forward and drops by default. The policy of firewalld's is
 * accept, but its last rule rejects. */
static bool drops_forwarded(struct nlattr **attributes, const char *table)
{
        struct nlattr *hook[NFTA_HOOK_MAX + 1];

        if (!attributes[NFTA_CHAIN_HOOK] ||
            nla_parse_nested(hook, NFTA_HOOK_MAX, attributes[NFTA_CHAIN_HOOK], NULL) < 0 ||
            !hook[NFTA_HOOK_HOOKNUM] ||
            ntohl(nla_get_u32(hook[NFTA_HOOK_HOOKNUM])) != NF_INET_FORWARD) {
                return false;
        }
        return strcmp(table, FIREWALLD_TABLE) == 0 ||
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
        _cleanup_nl_message_ struct nl_msg *message =
                netlink_filter_message(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC);

        return message ? netlink_dump_repeat(socket, message, take_chain, clear_chains, chains)
                       : -ENOMEM;
}

/* A rule that compares an interface's name contains it as a NUL-terminated string. */
static int look_for_bridge(struct nlmsghdr *header, void *data)
{
        struct mention *mention = data;

        if (memmem(nlmsg_data(header), (size_t)nlmsg_datalen(header), mention->bridge,
                   strlen(mention->bridge) + 1)) {
                mention->found = true;
        }
        return 0;
}

static bool mentions(struct nl_sock *socket, const struct chain *chain, const char *bridge)
{
        struct mention mention = { .bridge = bridge };
        _cleanup_nl_message_ struct nl_msg *message =
                netlink_filter_message(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETRULE, chain->family);

        if (message && nla_put_string(message, NFTA_RULE_TABLE, chain->table) == 0) {
                (void)netlink_dump(socket, message, look_for_bridge, &mention);
        }
        return mention.found;
}

/* A chain and the other chains of its table. */
struct neighbours {
        const struct chains *chains;
        const struct chain *chain;
};

static bool has_neighbour(const void *data, const char *name)
{
        const struct neighbours *neighbours = data;
        const struct chains *chains = neighbours->chains;

        for (size_t i = 0; i < chains->count; i++) {
                if (chains->items[i].family == neighbours->chain->family &&
                    string_equal(chains->items[i].table, neighbours->chain->table) &&
                    string_equal(chains->items[i].name, name)) {
                        return true;
                }
        }
        return false;
}

static int add(const struct chains *chains, const struct chain *chain, struct conflict_list *list)
{
        const struct neighbours neighbours = { chains, chain };
        struct firewall_conflict conflict = {
                .family = chain->family,
                .table = chain->table,
                .chain = chain->name,
                .owner = string_equal(chain->table, FIREWALLD_TABLE)
                                 ? CONFLICT_FIREWALLD
                                 : conflict_find_owner(has_neighbour, &neighbours),
        };

        return conflict_list_add(list, &conflict);
}

int conflict_find_nftables(const char *own, const char *bridge, struct conflict_list *list)
{
        _cleanup_nl_socket_ struct nl_sock *socket = NULL;
        _cleanup_(clear_chains) struct chains chains = { .own = own };
        int r = netlink_open(NETLINK_NETFILTER, &socket);

        if (r == 0) {
                r = load_chains(socket, &chains);
        }
        for (size_t i = 0; r == 0 && i < chains.count; i++) {
                if (chains.items[i].forward && !mentions(socket, &chains.items[i], bridge)) {
                        r = add(&chains, &chains.items[i], list);
                }
        }
        return r;
}
