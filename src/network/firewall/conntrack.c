/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/firewall/conntrack.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netlink/attr.h>
#include <stdlib.h>
#include <string.h>

#include "network/netlink/address.h"
#include "network/netlink/interface.h"

/* A bit of CTA_FILTER_ORIG_FLAGS, which no UAPI header defines: the protocol number
 * (net/netfilter/nf_conntrack_netlink.c, Linux 5.8). */
#define FILTER_PROTOCOL_NUMBER (1u << 2)

#define DUMP_ATTEMPTS 4

/* A flow to delete: its original tuple as received from the kernel. */
struct flow {
        uint8_t family;
        size_t length;
        void *tuple;
};

struct search {
        const struct machine_port *ports;
        size_t count;
        const struct interface_address *local;
        size_t local_count;
        struct flow *flows;
        size_t flow_count;
};

static bool is_published(const struct search *search, uint16_t port)
{
        for (size_t i = 0; i < search->count; i++) {
                if (search->ports[i].protocol == MACHINE_PROTOCOL_UDP &&
                    port >= search->ports[i].host_first && port <= search->ports[i].host_last) {
                        return true;
                }
        }
        return false;
}

static bool is_local(const struct search *search, const struct network_address *address)
{
        if (address_is_loopback(address)) {
                return true;
        }
        for (size_t i = 0; i < search->local_count; i++) {
                if (address_equal(&search->local[i].address, address)) {
                        return true;
                }
        }
        return false;
}

static int parse_nest(struct nlattr *nest, struct nlattr **attributes, int maximum)
{
        return nest ? nla_parse_nested(attributes, maximum, nest, NULL) : -EINVAL;
}

/* Whether a flow's original direction goes to a published port at an address of the host. */
static bool matches(const struct search *search, struct nlattr *tuple)
{
        struct nlattr *parts[CTA_TUPLE_MAX + 1];
        struct nlattr *protocol[CTA_PROTO_MAX + 1];
        struct nlattr *ip[CTA_IP_MAX + 1];
        struct network_address address = { 0 };

        if (parse_nest(tuple, parts, CTA_TUPLE_MAX) < 0 ||
            parse_nest(parts[CTA_TUPLE_PROTO], protocol, CTA_PROTO_MAX) < 0 ||
            parse_nest(parts[CTA_TUPLE_IP], ip, CTA_IP_MAX) < 0 || !protocol[CTA_PROTO_DST_PORT] ||
            !is_published(search, ntohs(nla_get_u16(protocol[CTA_PROTO_DST_PORT])))) {
                return false;
        }
        if (ip[CTA_IP_V4_DST]) {
                address.family = AF_INET;
                nla_memcpy(address.bytes, ip[CTA_IP_V4_DST], 4);
        } else if (ip[CTA_IP_V6_DST]) {
                address.family = AF_INET6;
                nla_memcpy(address.bytes, ip[CTA_IP_V6_DST], 16);
        }
        return address_is_set(&address) && is_local(search, &address);
}

static int take_flow(struct nlmsghdr *header, void *data)
{
        struct search *search = data;
        const struct nfgenmsg *information = nlmsg_data(header);
        struct nlattr *attributes[CTA_MAX + 1];
        struct flow *flow;

        if (nlmsg_parse(header, sizeof(*information), attributes, CTA_MAX, NULL) < 0 ||
            !attributes[CTA_TUPLE_ORIG] || !matches(search, attributes[CTA_TUPLE_ORIG])) {
                return 0;
        }
        flow = reallocarray(search->flows, search->flow_count + 1, sizeof(*flow));
        if (!flow) {
                return -ENOMEM;
        }
        search->flows = flow;
        flow = &search->flows[search->flow_count];
        flow->family = information->nfgen_family;
        flow->length = (size_t)nla_len(attributes[CTA_TUPLE_ORIG]);
        flow->tuple = malloc(flow->length);
        if (!flow->tuple) {
                return -ENOMEM;
        }
        memcpy(flow->tuple, nla_data(attributes[CTA_TUPLE_ORIG]), flow->length);
        search->flow_count++;
        return 0;
}

/* Limits the dump to UDP flows. */
static int put_filter(struct nl_msg *message)
{
        struct nlattr *tuple = nla_nest_start(message, CTA_TUPLE_ORIG | NLA_F_NESTED);
        struct nlattr *protocol = nla_nest_start(message, CTA_TUPLE_PROTO | NLA_F_NESTED);
        struct nlattr *filter;

        if (!tuple || !protocol || nla_put_u8(message, CTA_PROTO_NUM, IPPROTO_UDP) < 0) {
                return -ENOMEM;
        }
        nla_nest_end(message, protocol);
        nla_nest_end(message, tuple);
        filter = nla_nest_start(message, CTA_FILTER | NLA_F_NESTED);
        if (!filter || nla_put_u32(message, CTA_FILTER_ORIG_FLAGS, FILTER_PROTOCOL_NUMBER) < 0 ||
            nla_put_u32(message, CTA_FILTER_REPLY_FLAGS, 0) < 0) {
                return -ENOMEM;
        }
        nla_nest_end(message, filter);
        return 0;
}

/* The kernel requires a family for a filter. */
static int find_flows(struct nl_sock *socket, struct search *search, uint8_t family)
{
        int r = -EAGAIN;

        /* Flows that appear or vanish interrupt the dump; what was received is still valid. */
        for (int attempt = 0; r == -EAGAIN && attempt < DUMP_ATTEMPTS; attempt++) {
                _cleanup_nl_message_ struct nl_msg *message =
                        netlink_filter_message(NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET, family);

                if (!message || put_filter(message) < 0) {
                        return -ENOMEM;
                }
                r = netlink_dump(socket, message, take_flow, search);
        }
        return r == -EAGAIN ? 0 : r;
}

static int forget(struct nl_sock *socket, const struct flow *flow)
{
        _cleanup_nl_message_ struct nl_msg *message =
                netlink_filter_message(NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE, flow->family);
        int r;

        if (!message ||
            nla_put(message, CTA_TUPLE_ORIG | NLA_F_NESTED, (int)flow->length, flow->tuple) < 0) {
                return -ENOMEM;
        }
        r = netlink_request(socket, message, NULL);
        return r == -ENOENT ? 0 : r;
}

static int flush(struct search *search)
{
        _cleanup_nl_socket_ struct nl_sock *socket = NULL;
        int r = netlink_open(NETLINK_NETFILTER, &socket);

        if (r == 0) {
                r = find_flows(socket, search, AF_INET);
        }
        if (r == 0) {
                r = find_flows(socket, search, AF_INET6);
        }
        for (size_t i = 0; r == 0 && i < search->flow_count; i++) {
                r = forget(socket, &search->flows[i]);
        }
        return r;
}

static bool any_udp(const struct machine_port *ports, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                if (ports[i].protocol == MACHINE_PROTOCOL_UDP) {
                        return true;
                }
        }
        return false;
}

int conntrack_flush(const struct machine_port *ports, size_t count, struct machine_error *error)
{
        _cleanup_nl_socket_ struct nl_sock *socket = NULL;
        _cleanup_free_ struct interface_address *local = NULL;
        struct search search = { .ports = ports, .count = count };
        int r;

        if (!any_udp(ports, count)) {
                return 0;
        }
        r = netlink_open(NETLINK_ROUTE, &socket);
        if (r == 0) {
                r = interface_addresses(socket, &local, &search.local_count);
        }
        if (r == 0) {
                search.local = local;
                r = flush(&search);
        }
        for (size_t i = 0; i < search.flow_count; i++) {
                free(search.flows[i].tuple);
        }
        free(search.flows);
        return r == 0 ? 0 : error_set(error, r, "cannot flush the UDP flows of published ports");
}
