/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/firewall/rules.h"

#include "base/strings.h"

static const char *const protocol_names[] = {
        [MACHINE_PROTOCOL_TCP] = "tcp",
        [MACHINE_PROTOCOL_UDP] = "udp",
        [MACHINE_PROTOCOL_SCTP] = "sctp",
};

/*
 * own:      our own bridges, the only ones whose packets are dropped and masqueraded
 * used:     every bridge with machines, including the user's
 * itself:   pairs of a bridge with itself: with bridge-nf-call-iptables frames between the ports of
 *           one bridge pass the forward hook
 * inside4:  pairs of a bridge and its subnet; inside6 for IPv6
 * opened4:  interfaces for which forwarding was enabled for machines; opened6 for IPv6
 * bound:    published at one address of the host; looked up before ports at any address
 * refused6: UDP ports whose reservation would swallow packets to [::1]
 */
static const char sets_text[] =
        "  set own { type ifname\n  }\n"
        "  set used { type ifname\n  }\n"
        "  set internal { type ifname\n  }\n"
        "  set isolated { type ifname\n  }\n"
        "  set opened4 { type ifname\n  }\n"
        "  set opened6 { type ifname\n  }\n"
        "  set itself { type ifname . ifname\n  }\n"
        "  set inside4 { type ifname . ipv4_addr; flags interval\n  }\n"
        "  set inside6 { type ifname . ipv6_addr; flags interval\n  }\n"
        "  set refused6 { type inet_service\n  }\n"
        "  map dnat4 { type inet_proto . inet_service : ipv4_addr . inet_service\n  }\n"
        "  map dnat6 { type inet_proto . inet_service : ipv6_addr . inet_service\n  }\n"
        "  map bound4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service\n  "
        "}\n"
        "  map bound6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service\n  "
        "}\n";

/*
 * raw: route_localnet, without which the host cannot reach a published port at 127.0.0.1, would let
 * machines reach the host's own services there. The chain runs before connection tracking, so that
 * the answers of translated connections do not match.
 *
 * hostports: [::1] cannot be translated to another interface, as IPv6 has no route_localnet; left
 * alone, the connection is refused immediately and clients fall back to IPv4. Priorities are
 * numbers because nft 1.0.6 rejects the name dstnat in the output hook.
 *
 * postrouting: if a machine connects to itself or to a peer on its bridge through a published port,
 * or the host does so from its own 127.0.0.1, the answer must pass through the host. The rules
 * match the source, as the incoming interface is not known here for frames that stay on a bridge.
 * Other sources are kept.
 */
static const char nat_text[] =
        "  chain raw {\n"
        "    type filter hook prerouting priority -300; policy accept;\n"
        "    iifname @used ip daddr 127.0.0.0/8 drop\n"
        "    iifname @used ip saddr 127.0.0.0/8 drop\n"
        "  }\n"
        "  chain prerouting {\n"
        "    type nat hook prerouting priority -100; policy accept;\n"
        "    iifname @internal return\n"
        "    fib daddr type local jump hostports\n"
        "  }\n"
        "  chain output {\n"
        "    type nat hook output priority -100; policy accept;\n"
        "    fib daddr type local jump hostports\n"
        "  }\n"
        "  chain hostports {\n"
        "    ip6 daddr ::1 return\n"
        "    dnat ip to ip daddr . meta l4proto . th dport map @bound4\n"
        "    dnat ip6 to ip6 daddr . meta l4proto . th dport map @bound6\n"
        "    dnat ip to meta l4proto . th dport map @dnat4\n"
        "    dnat ip6 to meta l4proto . th dport map @dnat6\n"
        "  }\n"
        "  chain postrouting {\n"
        "    type nat hook postrouting priority 100; policy accept;\n"
        "    ct status dnat oifname @used ip saddr 127.0.0.0/8 masquerade\n"
        "    ct status dnat oifname . ip saddr @inside4 masquerade\n"
        "    ct status dnat oifname . ip6 saddr @inside6 masquerade\n"
        "    iifname @own oifname != @own ip daddr != 224.0.0.0/4 masquerade\n"
        "    iifname @own oifname != @own ip6 daddr != ff00::/8 masquerade\n"
        "  }\n";

/*
 * The last two rules of forward keep a host with forwarding disabled from becoming a router for
 * anything but its machines.
 */
static const char filter_text[] =
        "  chain forward {\n"
        "    type filter hook forward priority 0; policy accept;\n"
        "    ct status dnat iifname != @internal oifname != @internal accept\n"
        "    iifname @isolated oifname @isolated drop\n"
        "    iifname . oifname @itself accept\n"
        "    iifname @internal drop\n"
        "    oifname @internal drop\n"
        "    ct state established,related accept\n"
        "    iifname @own oifname @own drop\n"
        "    iifname @own accept\n"
        "    oifname @own drop\n"
        "    meta nfproto ipv4 iifname @opened4 oifname != @used drop\n"
        "    meta nfproto ipv6 iifname @opened6 oifname != @used drop\n"
        "  }\n"
        "  chain loopback {\n"
        "    type filter hook input priority 0; policy accept;\n"
        "    ip6 daddr ::1 udp dport @refused6 reject\n"
        "  }\n";

/* The map of a port, and the format of its keys and values. */
struct port_element {
        const struct machine_port *port;
        const struct network_address *target;
        struct network_address host; /* family 0: any */
};

static void write_element(FILE *file, const struct port_element *element, unsigned int offset)
{
        char host[ADDRESS_TEXT_SIZE];
        char target[ADDRESS_TEXT_SIZE];
        bool any = !address_is_set(&element->host);

        fprintf(file, "%s%s%s . %u : %s . %u", any ? "" : address_format(&element->host, host),
                any ? "" : " . ", protocol_names[element->port->protocol],
                element->port->host_first + offset, address_format(element->target, target),
                element->port->machine_first + offset);
}

/* Writes one command for a port or range; write_one writes the element at an offset into the
 * range. */
static void write_range(FILE *file, const char *table, const char *set,
                        const struct port_element *element,
                        void (*write_one)(FILE *, const struct port_element *, unsigned int))
{
        unsigned int last = (unsigned int)(element->port->host_last - element->port->host_first);

        fprintf(file, "create element inet %s %s { ", table, set);
        for (unsigned int offset = 0; offset <= last; offset++) {
                if (offset > 0) {
                        fputs(", ", file);
                }
                write_one(file, element, offset);
        }
        fputs(" }\n", file);
}

static void write_number(FILE *file, const struct port_element *element, unsigned int offset)
{
        fprintf(file, "%u", element->port->host_first + offset);
}

static void write_port(FILE *file, const char *table, const struct port_element *element)
{
        bool any = !address_is_set(&element->host);

        if (element->target->family == AF_INET) {
                write_range(file, table, any ? "dnat4" : "bound4", element, write_element);
                return;
        }
        write_range(file, table, any ? "dnat6" : "bound6", element, write_element);
        if (any && element->port->protocol == MACHINE_PROTOCOL_UDP) {
                write_range(file, table, "refused6", element, write_number);
        }
}

/* Writes a port for one address family of the machine, if the port's host address allows it. */
static void write_family(FILE *file, const char *table, const struct machine_port *port,
                         const struct network_address *target)
{
        struct port_element element = { .port = port, .target = target };

        if (!address_is_set(target)) {
                return;
        }
        if (port->address) {
                if (address_parse(port->address, &element.host) < 0 ||
                    element.host.family != target->family) {
                        return;
                }
                if (address_is_wildcard(&element.host)) {
                        element.host = (struct network_address){ 0 };
                }
        }
        write_port(file, table, &element);
}

/* Writes one command for each port or range and family of a lease. */
static void write_lease(FILE *file, const char *table, const struct network_lease *lease,
                        const struct lease_details *details)
{
        for (size_t i = 0; i < details->port_count; i++) {
                write_family(file, table, &details->ports[i], &lease->address);
                write_family(file, table, &details->ports[i], &lease->address6);
        }
}

static void write_interface(FILE *file, const char *table, const char *set, const char *name)
{
        fprintf(file, "add element inet %s %s { \"%s\" }\n", table, set, name);
}

static void write_pair(FILE *file, const char *table, const char *name)
{
        fprintf(file, "add element inet %s itself { \"%s\" . \"%s\" }\n", table, name, name);
}

static void write_inside(FILE *file, const char *table, const char *bridge,
                         const struct network_prefix *subnet)
{
        char text[ADDRESS_TEXT_SIZE];

        if (prefix_is_set(subnet)) {
                fprintf(file, "add element inet %s inside%c { \"%s\" . %s }\n", table,
                        subnet->address.family == AF_INET ? '4' : '6', bridge,
                        prefix_format(subnet, text));
        }
}

void rules_write_bridge(FILE *file, const char *table, const struct network_state *state)
{
        if (!network_has_bridge(state)) {
                return;
        }
        write_interface(file, table, "used", state->bridge);
        write_pair(file, table, state->bridge);
        write_inside(file, table, state->bridge, &state->subnet);
        write_inside(file, table, state->bridge, &state->subnet6);
        if (!state->foreign) {
                write_interface(file, table, "own", state->bridge);
        }
        if (state->internal) {
                write_interface(file, table, "internal", state->bridge);
        }
        if (state->isolated) {
                write_interface(file, table, "isolated", state->bridge);
        }
}

void rules_write_opened(FILE *file, const char *table, const struct rules_opened *opened)
{
        STRV_FOREACH(name, opened->ipv4) {
                write_interface(file, table, "opened4", *name);
                write_pair(file, table, *name);
        }
        STRV_FOREACH(name, opened->ipv6) {
                write_interface(file, table, "opened6", *name);
                write_pair(file, table, *name);
        }
}

void rules_write_removal(FILE *file, const char *table)
{
        /* Adding the table first lets its removal succeed if it does not exist. */
        fprintf(file, "add table inet %s\ndelete table inet %s\n", table, table);
}

int rules_write_table(FILE *file, const char *table, const struct network_table *leases,
                      int directory_fd, const struct rules_opened *opened)
{
        rules_write_removal(file, table);
        fprintf(file, "table inet %s {\n%s%s%s}\n", table, sets_text, nat_text, filter_text);
        TABLE_FOREACH_LEASE(lease, leases)
        {
                _cleanup_details_ struct lease_details details = { 0 };
                int r = lease->attached && lease->ports
                                ? details_load(directory_fd, leases, lease, &details)
                                : 0;

                if (r < 0) {
                        return r;
                }
                write_lease(file, table, lease, &details);
        }
        TABLE_FOREACH_NETWORK(state, leases)
        {
                if (leases_is_attached(leases, state)) {
                        rules_write_bridge(file, table, state);
                }
        }
        rules_write_opened(file, table, opened);
        return 0;
}

void rules_write_transparent(FILE *file, const char *table, unsigned int mark)
{
        fprintf(file,
                "table inet %s {\n"
                "  chain transparent {\n"
                "    type filter hook prerouting priority -150; policy accept;\n"
                "    iifname @used socket transparent 1 meta mark set %u\n"
                "  }\n"
                "}\n",
                table, mark);
}
