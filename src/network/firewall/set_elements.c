/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/firewall/set_elements.h"

#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <stdlib.h>
#include <string.h>

#include "network/firewall/guard.h"
#include "network/netlink/netlink.h"

/* This many elements, of at most 80 bytes each, fit the 16 bits of an attribute's length. */
#define MESSAGE_ELEMENTS 400
#define MESSAGE_SIZE     (MESSAGE_ELEMENTS * 80 + 256)
#define HEADER_SIZE      256

size_t set_elements_pack_key(const struct set_element_key *key,
                             uint8_t packed[static SET_ELEMENT_SIZE])
{
        uint16_t port = htons(key->port);
        size_t length = 0;

        memset(packed, 0, SET_ELEMENT_SIZE);
        if (address_is_set(&key->host)) {
                length = address_size(key->host.family);
                memcpy(packed, key->host.bytes, length);
        }
        packed[length] = key->protocol;
        memcpy(packed + length + 4, &port, sizeof(port));
        return length + 8;
}

const char *set_elements_map(const struct set_element_key *key, sa_family_t family)
{
        if (address_is_set(&key->host)) {
                return family == AF_INET ? "bound4" : "bound6";
        }
        return family == AF_INET ? "dnat4" : "dnat6";
}

bool set_elements_find_key(const struct machine_port *port, sa_family_t family,
                           struct set_element_key *ret)
{
        static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };
        struct set_element_key key = { .protocol = protocols[port->protocol],
                                       .port = port->host_first };

        if (port->address) {
                if (address_parse(port->address, &key.host) < 0 || key.host.family != family) {
                        return false;
                }
                if (address_is_wildcard(&key.host)) {
                        key.host = (struct network_address){ 0 };
                }
        }
        *ret = key;
        return true;
}

/* A transaction under construction. */
struct batch {
        const char *table;
        bool create;
        struct nl_msg **messages;
        size_t count;
        struct nlattr *list; /* of the last message, open for elements of `set`, or NULL */
        const char *set;
        unsigned int elements;
};

static void clear_batch(struct batch *batch)
{
        for (size_t i = 0; i < batch->count; i++) {
                nlmsg_free(batch->messages[i]);
        }
        free(batch->messages);
}

static struct nl_msg *add_message(struct batch *batch, int type, uint8_t family, uint16_t resource,
                                  size_t size)
{
        struct nfgenmsg header = { .nfgen_family = family,
                                   .version = NFNETLINK_V0,
                                   .res_id = htons(resource) };
        struct nl_msg **grown =
                reallocarray(batch->messages, batch->count + 1, sizeof(struct nl_msg *));
        struct nl_msg *message;

        if (!grown) {
                return NULL;
        }
        batch->messages = grown;
        message = nlmsg_alloc_size(size);
        if (!message || !nlmsg_put(message, NL_AUTO_PORT, NL_AUTO_SEQ, type, 0, NLM_F_REQUEST) ||
            nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) < 0) {
                nlmsg_free(message);
                return NULL;
        }
        batch->messages[batch->count++] = message;
        return message;
}

static int put_value(struct nl_msg *message, int attribute, const void *data, size_t length)
{
        struct nlattr *nest = nla_nest_start(message, attribute | NLA_F_NESTED);

        if (!nest || nla_put(message, NFTA_DATA_VALUE, (int)length, data) < 0) {
                return -ENOMEM;
        }
        nla_nest_end(message, nest);
        return 0;
}

/* The elements of one port or range in one map or set. */
struct range {
        const char *set;
        struct set_element_key key;
        const struct network_address *target; /* NULL: a set of port numbers */
        unsigned int machine_first;
        unsigned int count;
};

static int put_element(struct nl_msg *message, const struct range *range, unsigned int offset)
{
        struct nlattr *item = nla_nest_start(message, NFTA_LIST_ELEM | NLA_F_NESTED);
        struct set_element_key key = range->key;
        uint8_t packed[SET_ELEMENT_SIZE] = { 0 };
        size_t length;
        uint16_t port;
        int r;

        key.port = (uint16_t)(key.port + offset);
        if (!item) {
                return -ENOMEM;
        }
        if (!range->target) {
                port = htons(key.port);
                r = put_value(message, NFTA_SET_ELEM_KEY, &port, sizeof(port));
        } else {
                length = set_elements_pack_key(&key, packed);
                r = put_value(message, NFTA_SET_ELEM_KEY, packed, length);
                length = address_size(range->target->family);
                memset(packed, 0, sizeof(packed));
                memcpy(packed, range->target->bytes, length);
                port = htons((uint16_t)(range->machine_first + offset));
                memcpy(packed + length, &port, sizeof(port));
                r = r == 0 ? put_value(message, NFTA_SET_ELEM_DATA, packed, length + 4) : r;
        }
        nla_nest_end(message, item);
        return r;
}

static void close_list(struct batch *batch)
{
        if (batch->list) {
                nla_nest_end(batch->messages[batch->count - 1], batch->list);
                batch->list = NULL;
        }
}

/* Opens a message for elements of a set, unless the last one has space for more of them. */
static int open_list(struct batch *batch, uint8_t family, const char *set, size_t size)
{
        int type = NFNL_SUBSYS_NFTABLES << 8 |
                   (batch->create ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM);
        struct nl_msg *message;

        if (batch->list && strcmp(batch->set, set) == 0 && batch->elements < MESSAGE_ELEMENTS) {
                return 0;
        }
        close_list(batch);
        message = add_message(batch, type, family, 0, size);
        if (!message || nla_put_string(message, NFTA_SET_ELEM_LIST_TABLE, batch->table) < 0 ||
            nla_put_string(message, NFTA_SET_ELEM_LIST_SET, set) < 0) {
                return -ENOMEM;
        }
        nlmsg_hdr(message)->nlmsg_flags |= NLM_F_ACK | (batch->create ? NLM_F_CREATE : 0);
        batch->list = nla_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED);
        batch->set = set;
        batch->elements = 0;
        return batch->list ? 0 : -ENOMEM;
}

static int add_range(struct batch *batch, const struct range *range)
{
        for (unsigned int i = 0; i < range->count; i++) {
                if (open_list(batch, NFPROTO_INET, range->set, MESSAGE_SIZE) < 0 ||
                    put_element(batch->messages[batch->count - 1], range, i) < 0) {
                        return -ENOMEM;
                }
                batch->elements++;
        }
        return 0;
}

/* Adds the sets of one family one at a time, so that one message holds the elements of many
 * ports. */
enum pass {
        PASS_ANY,
        PASS_BOUND,
        PASS_REFUSED,
        PASSES,
};

static int add_port(struct batch *batch, const struct machine_port *port,
                    const struct network_address *target, enum pass pass)
{
        struct range range = {
                .target = target,
                .machine_first = port->machine_first,
                .count = (unsigned int)(port->host_last - port->host_first) + 1,
        };
        bool bound;

        if (!set_elements_find_key(port, target->family, &range.key)) {
                return 0;
        }
        bound = address_is_set(&range.key.host);
        if (bound != (pass == PASS_BOUND)) {
                return 0;
        }
        range.set = set_elements_map(&range.key, target->family);
        if (pass == PASS_REFUSED) {
                if (target->family != AF_INET6 || port->protocol != MACHINE_PROTOCOL_UDP) {
                        return 0;
                }
                range.set = "refused6";
                range.target = NULL;
        }
        return add_range(batch, &range);
}

static int add_family(struct batch *batch, const struct lease_details *details,
                      const struct network_address *target)
{
        if (!address_is_set(target)) {
                return 0;
        }
        for (enum pass pass = PASS_ANY; pass < PASSES; pass++) {
                for (size_t i = 0; i < details->port_count; i++) {
                        int r = add_port(batch, &details->ports[i], target, pass);

                        if (r < 0) {
                                return r;
                        }
                }
        }
        return 0;
}

static int add_guard(struct batch *batch, const struct network_lease *lease)
{
        struct guard_element elements[GUARD_ELEMENTS_MAXIMUM];
        size_t count = guard_list(lease, elements);

        for (size_t i = 0; i < count; i++) {
                struct nl_msg *message;
                struct nlattr *item;
                int r = open_list(batch, NFPROTO_BRIDGE, elements[i].set, 2 * HEADER_SIZE);

                if (r < 0) {
                        return r;
                }
                message = batch->messages[batch->count - 1];
                item = nla_nest_start(message, NFTA_LIST_ELEM | NLA_F_NESTED);
                if (!item || put_value(message, NFTA_SET_ELEM_KEY, elements[i].key,
                                       elements[i].length) < 0) {
                        return -ENOMEM;
                }
                nla_nest_end(message, item);
        }
        return 0;
}

static int add_lease(struct batch *batch, const struct set_elements *item)
{
        int r = add_family(batch, &item->details, &item->lease->address);

        if (r == 0) {
                r = add_family(batch, &item->details, &item->lease->address6);
        }
        return r == 0 ? add_guard(batch, item->lease) : r;
}

static int fill(struct batch *batch, const struct set_elements *items, size_t count)
{
        int r = 0;

        if (!add_message(batch, NFNL_MSG_BATCH_BEGIN, AF_UNSPEC, NFNL_SUBSYS_NFTABLES,
                         HEADER_SIZE)) {
                return -ENOMEM;
        }
        for (size_t i = 0; r == 0 && i < count; i++) {
                r = add_lease(batch, &items[i]);
        }
        close_list(batch);
        if (r == 0 &&
            !add_message(batch, NFNL_MSG_BATCH_END, AF_UNSPEC, NFNL_SUBSYS_NFTABLES, HEADER_SIZE)) {
                r = -ENOMEM;
        }
        return r;
}

int set_elements_change(const char *table, const struct set_elements *items, size_t count,
                        bool create)
{
        _cleanup_(clear_batch) struct batch batch = { .table = table, .create = create };
        bool any = false;
        int r;

        for (size_t i = 0; i < count; i++) {
                any = any || items[i].details.port_count > 0 || items[i].lease->guarded;
        }
        if (!any) {
                return 0;
        }
        r = fill(&batch, items, count);
        return r == 0 ? netlink_batch(batch.messages, batch.count) : r;
}
