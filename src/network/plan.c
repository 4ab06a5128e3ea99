/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/plan.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/strings.h"
#include "network/netlink/link.h"
#include "network/netlink/route.h"
#include "network/state/setting.h"
#include "network/user/setup.h"

/* The host's configuration while a network is planned. */
struct host {
        struct route *routes;
        size_t route_count;
        struct interface_address *addresses;
        size_t address_count;
        const struct interface *bridge; /* or NULL: does not exist yet */
};

/* The pool of automatic subnets: the second byte of 16-bit private networks. */
static const struct {
        uint8_t first_byte;
        uint8_t from;
        uint8_t to;
} candidates[] = {
        { 10, 88, 127 },
        { 172, 20, 31 },
        { 10, 128, 254 },
        { 10, 1, 87 },
};

static void clear_host(struct host *host)
{
        free(host->routes);
        free(host->addresses);
}

/* A user's networks must not overlap the host's routes either, which are not in their namespace. */
static int add_outside(const struct network_session *session, struct host *host)
{
        size_t count = session->outside_route_count;
        struct route *grown =
                count > 0 ? reallocarray(host->routes, host->route_count + count, sizeof(*grown))
                          : NULL;

        if (count > 0 && !grown) {
                return -ENOMEM;
        }
        for (size_t i = 0; i < count; i++) {
                host->routes = grown;
                grown[host->route_count] = session->outside_routes[i];
                grown[host->route_count++].interface = 0;
        }
        return 0;
}

static int look(struct network_session *session, const char *bridge, struct host *ret,
                struct machine_error *error)
{
        struct host host = { .bridge = NULL };
        int r = network_session_list_interfaces(session, error);

        if (r < 0) {
                return r;
        }
        host.bridge = interface_by_name(&session->interfaces, bridge);
        r = route_list(session->socket, &host.routes, &host.route_count);
        if (r == 0) {
                r = add_outside(session, &host);
        }
        if (r == 0) {
                r = interface_addresses(session->socket, &host.addresses, &host.address_count);
        }
        if (r < 0) {
                clear_host(&host);
                return error_set(error, r, "cannot list the host's routes and addresses");
        }
        *ret = host;
        return 0;
}

static bool is_interface_text(const char *text)
{
        for (; *text; text++) {
                if (!isalnum((unsigned char)*text) && *text != '_' && *text != '-') {
                        return false;
                }
        }
        return true;
}

static int name_bridge(const struct network_session *session,
                       const struct network_definition *definition, char name[static IF_NAMESIZE],
                       struct machine_error *error)
{
        _cleanup_free_ char *identity = NULL;

        if (definition->bridge) {
                if (strlen(definition->bridge) >= IF_NAMESIZE) {
                        return error_say(error, EINVAL,
                                         "the name of bridge \"%s\" is longer than %d characters",
                                         definition->bridge, IF_NAMESIZE - 1);
                }
                strcpy(name, definition->bridge);
                return 0;
        }
        identity = network_session_tag(session, definition->name, NULL);
        if (!identity) {
                return error_oom(error);
        }
        link_derive_name(LINK_BRIDGE_PREFIX,
                         session->standard && is_interface_text(definition->name) ? definition->name
                                                                                  : NULL,
                         identity, name);
        return 0;
}

/* Distinguishes our bridge from the user's, and from other interfaces. */
static int judge_bridge(const struct network_session *session, const struct interface *bridge,
                        const char *network, bool *ret_foreign, struct machine_error *error)
{
        _cleanup_free_ char *tag = network_session_tag(session, network, NULL);

        if (!tag) {
                return error_oom(error);
        }
        if (!string_equal(bridge->kind, "bridge")) {
                int r = error_say(error, EEXIST,
                                  "cannot use %s as the bridge of network \"%s\": an interface of "
                                  "that name exists and is not a bridge",
                                  bridge->name, network);
                error_hint(error, "choose another name with \"bridge\" in %s.network", network);
                return r;
        }
        /* Our bridge has its tag, unless the start was killed before it could set it. */
        *ret_foreign =
                !string_equal(bridge->alias, tag) && (bridge->alias || bridge->group != LINK_GROUP);
        if (*ret_foreign && bridge->alias && string_after(bridge->alias, "machinectl-lite")) {
                return error_say(error, EEXIST,
                                 "cannot use the bridge %s for network \"%s\": it belongs to %s",
                                 bridge->name, network, bridge->alias);
        }
        return 0;
}

static const struct route *find_overlap(const struct host *host,
                                        const struct network_prefix *prefix)
{
        for (size_t i = 0; i < host->route_count; i++) {
                const struct route *route = &host->routes[i];

                if (route->destination.length > 0 &&
                    (!host->bridge || route->interface != host->bridge->index) &&
                    prefix_overlaps(&route->destination, prefix)) {
                        return route;
                }
        }
        return NULL;
}

/* A subnet remembered for another network is avoided while there are others. */
static bool is_taken(const struct network_session *session, const struct host *host,
                     const struct network_state *state, const struct network_prefix *prefix)
{
        TABLE_FOREACH_NETWORK(other, &session->leases)
        {
                if (other != state && (prefix_overlaps(&other->subnet, prefix) ||
                                       prefix_overlaps(&other->subnet6, prefix))) {
                        return true;
                }
        }
        return find_overlap(host, prefix) != NULL;
}

static int choose_subnet(const struct network_session *session, const struct host *host,
                         const struct network_state *state, struct network_prefix *ret,
                         struct machine_error *error)
{
        int r;

        if (prefix_is_set(&state->subnet) && !is_taken(session, host, state, &state->subnet)) {
                *ret = state->subnet;
                return 0;
        }
        for (size_t i = 0; i < ELEMENTS_OF(candidates); i++) {
                for (unsigned int byte = candidates[i].from; byte <= candidates[i].to; byte++) {
                        struct network_prefix prefix = {
                                .address = { AF_INET, { candidates[i].first_byte, (uint8_t)byte } },
                                .length = 16,
                        };

                        if (!is_taken(session, host, state, &prefix)) {
                                *ret = prefix;
                                return 0;
                        }
                }
        }
        r = error_say(error, EEXIST,
                      "cannot find a private IPv4 subnet for network \"%s\" that overlaps no route "
                      "of this host",
                      state->name);
        error_hint(error, "set \"subnet\" in %s.network", state->name);
        return r;
}

/* A unique local prefix (RFC 4193) whose 40 bits identify this host and whose subnet identifies the
 * network. */
static int choose_subnet6(const struct network_session *session, const struct host *host,
                          const struct network_state *state, struct network_prefix *ret,
                          struct machine_error *error)
{
        _cleanup_free_ char *id = NULL;
        _cleanup_free_ char *text = NULL;
        uint64_t hash;

        if (prefix_is_set(&state->subnet6) && !is_taken(session, host, state, &state->subnet6)) {
                *ret = state->subnet6;
                return 0;
        }
        (void)file_read(AT_FDCWD, "/etc/machine-id", 64, &id, NULL);
        for (unsigned int attempt = 0; attempt < 16; attempt++) {
                struct network_prefix prefix = { .address = { AF_INET6, { 0xfd } }, .length = 64 };

                free(text);
                text = string_format("%s %s %s %u", id ? id : "", session->tag, state->name,
                                     attempt);
                if (!text) {
                        return error_oom(error);
                }
                hash = string_hash(text, strlen(text));
                for (size_t i = 1; i < 8; i++) {
                        prefix.address.bytes[i] = (uint8_t)(hash >> (8 * i));
                }
                if (!is_taken(session, host, state, &prefix)) {
                        *ret = prefix;
                        return 0;
                }
        }
        return error_say(error, EEXIST, "cannot find a private IPv6 subnet for network \"%s\"",
                         state->name);
}

static int check_overlap(const struct network_session *session, const struct host *host,
                         const struct network_definition *definition,
                         const struct network_prefix *prefix, struct machine_error *error)
{
        const struct route *route = find_overlap(host, prefix);
        const struct interface *interface;
        char subnet[ADDRESS_TEXT_SIZE];
        char other[ADDRESS_TEXT_SIZE];
        int r;

        if (!route) {
                return 0;
        }
        interface = interface_by_index(&session->interfaces, route->interface);
        r = error_say(error, EEXIST,
                      "the subnet %s of network \"%s\" overlaps this host's route to %s%s%s",
                      prefix_format(prefix, subnet), definition->name,
                      prefix_format(&route->destination, other), interface ? " by " : "",
                      interface ? interface->name : "");
        error_hint(error, "choose another \"subnet\" in %s.network, or omit it", definition->name);
        return r;
}

/* The subnet and gateway of a user's bridge: as configured on the bridge. */
static void look_at_bridge(const struct host *host, sa_family_t family,
                           struct network_prefix *subnet, struct network_address *gateway)
{
        for (size_t i = 0; i < host->address_count; i++) {
                const struct interface_address *item = &host->addresses[i];
                struct network_prefix prefix;

                /* Link-local addresses (fe80::/10) are not a network's subnet. */
                if (item->index != host->bridge->index || item->address.family != family ||
                    (family == AF_INET6 && item->address.bytes[0] == 0xfe)) {
                        continue;
                }
                prefix_of(&item->address, item->length, &prefix);
                if (!prefix_is_set(subnet)) {
                        *subnet = prefix;
                }
                if (!address_is_set(gateway) && prefix_contains(subnet, &item->address)) {
                        *gateway = item->address;
                }
        }
}

struct plan {
        struct network_prefix subnet;
        struct network_prefix subnet6;
        struct network_address gateway;
        struct network_address gateway6;
};

/* The definition's settings; the configuration has validated them. */
static int take_definition(const struct network_definition *definition, struct plan *plan,
                           struct machine_error *error)
{
        if ((definition->subnet && prefix_parse(definition->subnet, &plan->subnet) < 0) ||
            (definition->subnet6 && prefix_parse(definition->subnet6, &plan->subnet6) < 0) ||
            (definition->gateway && address_parse(definition->gateway, &plan->gateway) < 0) ||
            (definition->gateway6 && address_parse(definition->gateway6, &plan->gateway6) < 0)) {
                return error_say(error, EINVAL,
                                 "invalid address in the definition of network \"%s\"",
                                 definition->name);
        }
        return 0;
}

static int plan_foreign(const struct host *host, const struct network_definition *definition,
                        struct plan *plan, struct machine_error *error)
{
        look_at_bridge(host, AF_INET, &plan->subnet, &plan->gateway);
        if (setting_has_ipv6()) {
                look_at_bridge(host, AF_INET6, &plan->subnet6, &plan->gateway6);
        }
        if (!prefix_is_set(&plan->subnet) && !prefix_is_set(&plan->subnet6)) {
                int r = error_say(error, EINVAL,
                                  "the bridge %s of network \"%s\" has no address, so there is no "
                                  "subnet to lease from",
                                  host->bridge->name, definition->name);
                error_hint(error, "set \"subnet\" in %s.network", definition->name);
                return r;
        }
        return 0;
}

static int plan_own(struct network_session *session, const struct host *host,
                    const struct network_definition *definition, const struct network_state *state,
                    struct plan *plan, struct machine_error *error)
{
        bool automatic = !definition->subnet && !definition->subnet6;
        bool ipv6 = setting_has_ipv6();
        int r = 0;

        if (!ipv6) {
                plan->subnet6 = (struct network_prefix){ 0 };
        }
        if (!automatic && !prefix_is_set(&plan->subnet) && !prefix_is_set(&plan->subnet6)) {
                return error_say(
                        error, EAFNOSUPPORT,
                        "network \"%s\" has an IPv6 subnet only, and IPv6 is disabled on this host",
                        definition->name);
        }
        if (automatic) {
                r = choose_subnet(session, host, state, &plan->subnet, error);
                if (r == 0 && ipv6) {
                        r = choose_subnet6(session, host, state, &plan->subnet6, error);
                }
        }
        if (r == 0 && prefix_is_set(&plan->subnet)) {
                r = check_overlap(session, host, definition, &plan->subnet, error);
        }
        if (r == 0 && prefix_is_set(&plan->subnet6)) {
                r = check_overlap(session, host, definition, &plan->subnet6, error);
        }
        if (r == 0 && prefix_is_set(&plan->subnet) && !address_is_set(&plan->gateway)) {
                prefix_at(&plan->subnet, 1, &plan->gateway);
        }
        if (r == 0 && prefix_is_set(&plan->subnet6) && !address_is_set(&plan->gateway6)) {
                prefix_at(&plan->subnet6, 1, &plan->gateway6);
        }
        if (!prefix_is_set(&plan->subnet6)) {
                plan->gateway6 = (struct network_address){ 0 };
        }
        return r;
}

/* A network in use does not change: its machines have its addresses. */
static int check_in_use(const struct network_state *state, const char *bridge,
                        const struct network_definition *definition, const struct plan *plan,
                        struct machine_error *error)
{
        int r;

        if (string_equal(state->bridge, bridge) &&
            (!prefix_is_set(&plan->subnet) || prefix_equal(&plan->subnet, &state->subnet)) &&
            (!prefix_is_set(&plan->subnet6) || prefix_equal(&plan->subnet6, &state->subnet6) ||
             !prefix_is_set(&state->subnet6)) &&
            (!address_is_set(&plan->gateway) || address_equal(&plan->gateway, &state->gateway)) &&
            (!address_is_set(&plan->gateway6) || address_equal(&plan->gateway6, &state->gateway6) ||
             !prefix_is_set(&state->subnet6)) &&
            definition->internal == state->internal && definition->isolated == state->isolated &&
            definition->spoofing == state->spoofing) {
                return 0;
        }
        r = error_say(error, EBUSY,
                      "the definition of network \"%s\" was changed while machines use it",
                      definition->name);
        error_hint(error, "stop its machines first, or restore the definition");
        return r;
}

static uint32_t plan_mtu(const struct network_session *session, const struct host *host,
                         const struct network_definition *definition, bool foreign)
{
        const struct route *route;
        const struct interface *out;

        if (definition->mtu != MACHINE_UNSET) {
                return (uint32_t)definition->mtu;
        }
        if (foreign) {
                return host->bridge->mtu;
        }
        if (session->user) {
                return USER_UPLINK_MTU;
        }
        route = route_default(host->routes, host->route_count, AF_INET);
        if (!route) {
                route = route_default(host->routes, host->route_count, AF_INET6);
        }
        out = route ? interface_by_index(&session->interfaces, route->interface) : NULL;
        return out ? out->mtu : 0;
}

/* Addresses remembered for another subnet are useless in this one. */
static void drop_strangers(struct network_session *session, const struct network_state *state)
{
        TABLE_FOREACH_LEASE(lease, &session->leases)
        {
                if (leases_network_of(&session->leases, lease) != state) {
                        continue;
                }
                if ((address_is_set(&lease->address) &&
                     !prefix_contains(&state->subnet, &lease->address)) ||
                    (address_is_set(&lease->address6) &&
                     !prefix_contains(&state->subnet6, &lease->address6))) {
                        leases_remove(&session->leases, lease);
                }
        }
}

static int settle(struct network_session *session, const struct network_definition *definition,
                  const char *bridge, struct plan *plan, struct network_state *state,
                  struct machine_error *error)
{
        _cleanup_(clear_host) struct host host = { 0 };
        bool foreign = false;
        int r = look(session, bridge, &host, error);

        if (r == 0 && host.bridge) {
                r = judge_bridge(session, host.bridge, definition->name, &foreign, error);
        }
        if (r == 0) {
                r = foreign ? plan_foreign(&host, definition, plan, error)
                            : plan_own(session, &host, definition, state, plan, error);
        }
        if (r < 0) {
                return r;
        }
        (void)record_set_text(state->bridge, sizeof(state->bridge), bridge);
        state->foreign = foreign;
        state->internal = definition->internal;
        state->isolated = definition->isolated;
        state->spoofing = definition->spoofing;
        state->mtu = plan_mtu(session, &host, definition, foreign);
        state->subnet = plan->subnet;
        state->subnet6 = plan->subnet6;
        state->gateway = plan->gateway;
        state->gateway6 = plan->gateway6;
        drop_strangers(session, state);
        return 0;
}

int plan_network(struct network_session *session, const struct network_definition *definition,
                 struct network_state *state, struct machine_error *error)
{
        char bridge[IF_NAMESIZE];
        struct plan plan = { 0 };
        int r = take_definition(definition, &plan, error);

        if (r == 0) {
                r = name_bridge(session, definition, bridge, error);
        }
        if (r < 0) {
                return r;
        }
        return leases_is_live(&session->leases, state)
                       ? check_in_use(state, bridge, definition, &plan, error)
                       : settle(session, definition, bridge, &plan, state, error);
}

int plan_find_subnet(struct network_session *session, int interface,
                     const struct network_address *address, struct network_prefix *ret,
                     struct network_address *ret_gateway)
{
        _cleanup_(clear_host) struct host host = { 0 };
        int r = look(session, "", &host, NULL);

        if (r < 0) {
                return r;
        }
        r = -ENOENT;
        for (size_t i = 0; r < 0 && i < host.address_count; i++) {
                prefix_of(&host.addresses[i].address, host.addresses[i].length, ret);
                if (host.addresses[i].index == interface && prefix_contains(ret, address)) {
                        r = 0;
                }
        }
        for (size_t i = 0; r == 0 && i < host.route_count; i++) {
                const struct route *route = &host.routes[i];

                if (route->destination.length == 0 && route->interface == interface &&
                    prefix_contains(ret, &route->gateway)) {
                        *ret_gateway = route->gateway;
                }
        }
        return r;
}
