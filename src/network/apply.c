/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/apply.h"

#include <netinet/in.h>

#include <linux/netfilter.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/strings.h"
#include "network/firewall/firewall.h"
#include "network/firewall/guard.h"
#include "network/firewall/nftables.h"
#include "network/firewall/set_elements.h"
#include "network/host/ending.h"
#include "network/netlink/link.h"
#include "network/state/setting.h"
#include "network/user/setup.h"

/* Settings of our bridge that must be in effect before it comes up. */
static int prepare_bridge(const char *bridge, struct machine_error *error)
{
        static const struct {
                const char *key;
                int value;
        } settings[] = {
                { "accept_dad", 0 },
                { "accept_ra", 0 },
        };

        for (size_t i = 0; i < ELEMENTS_OF(settings); i++) {
                int r = setting_write(AF_INET6, bridge, settings[i].key, settings[i].value);

                if (r < 0 && r != -ENOENT) {
                        return error_set(error, r, "cannot set %s of the bridge %s",
                                         settings[i].key, bridge);
                }
        }
        return 0;
}

static int make_bridge(struct network_session *session, struct network_state *state,
                       struct machine_error *error)
{
        _cleanup_free_ char *tag = network_session_tag(session, state->name, NULL);
        struct link_settings settings = {
                .name = state->bridge,
                .mtu = (uint32_t)state->mtu,
        };
        struct netlink_reason reason;
        int r;

        if (!tag) {
                return error_oom(error);
        }
        /* Recorded before it is made, so that it is removed after a crash. */
        strcpy(state->made, state->bridge);
        network_session_save(session);
        /* A bridge without an address of its own takes that of its lowest port; it would lose the
         * address with that machine, and the peers' neighbour entries with it. */
        link_derive_mac(tag, settings.mac);
        r = link_add_bridge(session->socket, &settings, &reason);
        if (r == 0) {
                r = interface_tag(session->socket, (int)if_nametoindex(state->bridge), tag,
                                  &reason);
        }
        if (r < 0) {
                return netlink_fail(error, r, &reason, "cannot create the bridge %s",
                                    state->bridge);
        }
        return prepare_bridge(state->bridge, error);
}

static int add_gateway(struct network_session *session, int index, const char *bridge,
                       const struct network_address *gateway, const struct network_prefix *subnet,
                       struct machine_error *error)
{
        struct netlink_reason reason;
        char text[ADDRESS_TEXT_SIZE];
        int r;

        if (!address_is_set(gateway)) {
                return 0;
        }
        r = interface_add_address(session->socket, index, gateway, subnet->length, &reason);
        return r == 0 ? 0
                      : netlink_fail(error, r, &reason, "cannot give the bridge %s the address %s",
                                     bridge, address_format(gateway, text));
}

static int configure_bridge(struct network_session *session, const struct network_state *state,
                            const struct interface *bridge, struct machine_error *error)
{
        struct netlink_reason reason;
        int r = 0;

        if (!(bridge->flags & IFF_UP)) {
                r = interface_up(session->socket, bridge->index, &reason);
                if (r < 0) {
                        return netlink_fail(error, r, &reason, "cannot bring the bridge %s up",
                                            state->bridge);
                }
        }
        r = add_gateway(session, bridge->index, state->bridge, &state->gateway, &state->subnet,
                        error);
        if (r == 0) {
                r = add_gateway(session, bridge->index, state->bridge, &state->gateway6,
                                &state->subnet6, error);
        }
        return r;
}

int apply_bridge(struct network_session *session, struct network_state *state, int *ret_index,
                 struct machine_error *error)
{
        const struct interface *bridge = network_session_find_interface(session, state->bridge);
        int r = 0;

        if (!bridge && state->foreign) {
                return error_say(error, ENODEV, "the bridge %s of network \"%s\" is gone",
                                 state->bridge, state->name);
        }
        if (!bridge) {
                r = make_bridge(session, state, error);
                if (r < 0) {
                        return r;
                }
                bridge = network_session_find_interface(session, state->bridge);
        }
        if (!bridge || !string_equal(bridge->kind, "bridge")) {
                return error_say(error, EEXIST, "cannot use %s as a bridge: it is something else",
                                 state->bridge);
        }
        if (!state->foreign) {
                r = configure_bridge(session, state, bridge, error);
        }
        if (r == 0) {
                *ret_index = bridge->index;
        }
        return r;
}

int apply_settings(struct network_session *session, const struct network_state *state, bool ports,
                   struct machine_error *error)
{
        _cleanup_interface_list_ struct interface_list outer = { 0 };
        struct forwarding_need need = {
                .interfaces = &outer,
                .bridge = state->bridge,
                .foreign = state->foreign,
                .tag = session->tag,
                .ipv4 = prefix_is_set(&state->subnet),
                .ipv6 = prefix_is_set(&state->subnet6),
        };
        int r = 0;

        if (!state->internal) {
                r = interface_list_load(session->socket, INTERFACE_MASTERLESS, &outer);
                if (r < 0) {
                        return error_set(error, r, "cannot list the host's network interfaces");
                }
                r = forwarding_open(&session->forwarding, &need, error);
        }
        if (r == 0 && ports && need.ipv4) {
                r = forwarding_open_localnet(&session->forwarding, state->bridge, state->foreign,
                                             error);
        }
        return r;
}

/* The kernel does not forward from an IPv4 address of the host to an IPv6 address of a machine. */
static int warn_of_ports(const struct network_session *session, const struct network_state *state,
                         char ***warnings)
{
        TABLE_FOREACH_LEASE(lease, &session->leases)
        {
                char *text;

                if (leases_network_of(&session->leases, lease) != state || lease->owner.pid <= 0 ||
                    !lease->ports || address_is_set(&lease->address)) {
                        continue;
                }
                text = string_format(
                        "the ports of machine \"%s\" are published for IPv6 only, not on 127.0.0.1 "
                        "and ::1: network \"%s\" has no IPv4 subnet; give it a \"subnet\"",
                        lease->machine, state->name);
                if (strv_take(warnings, text) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

int apply_warnings(const struct network_session *session, const struct network_state *state,
                   char ***warnings, struct machine_error *error)
{
        struct firewall_question question = {
                .table = session->table,
                .bridge = state->bridge,
                .own = !state->foreign,
                .ipv4 = prefix_is_set(&state->subnet),
                .ipv6 = prefix_is_set(&state->subnet6),
        };
        int r;

        /* Nobody else has rules in the network namespace of a user's machines. */
        if (session->user) {
                return 0;
        }
        r = warn_of_ports(session, state, warnings);
        if (r < 0) {
                return error_oom(error);
        }
        r = firewall_warn(&question, warnings);
        return r == 0 ? 0 : error_set(error, r, "cannot inspect the host's firewall");
}

/* A kernel without the bridge family is only an error if a network wants its machines guarded. */
static int write_rules(struct network_session *session, bool guarded, char **ret)
{
        const struct network_table *leases = &session->leases;
        size_t length;
        FILE *file = open_memstream(ret, &length);
        int r = 0;

        if (!file) {
                return -ENOMEM;
        }
        if (guarded || guard_is_needed(leases)) {
                guard_write_removal(file, session->table);
        }
        if (leases_is_attached(leases, NULL)) {
                r = rules_write_table(file, session->table, leases, session->directory_fd,
                                      &session->forwarding.opened);
                if (session->user) {
                        rules_write_transparent(file, session->table, USER_TRANSPARENT_MARK);
                }
        } else {
                rules_write_removal(file, session->table);
        }
        if (guard_is_needed(leases)) {
                guard_write_table(file, session->table, leases);
        }
        return fclose(file) == 0 ? r : -ENOMEM;
}

static int mark_current(struct network_session *session)
{
        if (leases_host(&session->leases)->stale) {
                leases_host(&session->leases)->stale = false;
                network_session_save(session);
        }
        return 0;
}

static int run_rules(const struct network_session *session, const char *text, bool guard,
                     struct machine_error *error)
{
        int r = nftables_run(text, error);

        if (r == -EIO && session->user && !nftables_has_transparent_sockets()) {
                if (error) {
                        machine_error_clear(error);
                }
                return nftables_explain_transparent(error);
        }

        if (r == -EIO && guard && !nftables_has_bridges()) {
                error_hint(error,
                           "this kernel has no nftables for bridges (CONFIG_NF_TABLES_BRIDGE), "
                           "needed to keep machines from spoofing addresses; \"spoofing = true\" "
                           "in the network's definition does without it");
        }
        return r;
}

int apply_rules(struct network_session *session, struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        bool present = false;
        bool guarded = false;
        int r;

        /* A kernel without nf_tables does not have our table either. */
        (void)firewall_has_table(session->table, NFPROTO_INET, &present);
        (void)firewall_has_table(session->table, NFPROTO_BRIDGE, &guarded);
        if (!leases_is_attached(&session->leases, NULL) && !present && !guarded) {
                return mark_current(session);
        }
        r = write_rules(session, guarded, &text);
        if (r < 0) {
                return error_set(error, r, "cannot write the firewall rules of all machines");
        }
        r = run_rules(session, text, guard_is_needed(&session->leases), error);
        return r == 0 ? mark_current(session) : r;
}

int apply_lease(struct network_session *session, const struct network_lease *lease,
                const struct lease_details *details, bool fresh, struct machine_error *error)
{
        const struct set_elements elements = { .lease = lease, .details = *details };
        _cleanup_free_ char *text = NULL;
        bool present = false;
        size_t length;
        FILE *file;
        int r = firewall_has_table(session->table, NFPROTO_INET, &present);

        if (r < 0) {
                return error_set(error, r, "cannot ask the kernel for the nftables table %s",
                                 session->table);
        }
        if (!present || leases_host(&session->leases)->stale) {
                return apply_rules(session, error);
        }
        file = open_memstream(&text, &length);
        if (!file) {
                return error_oom(error);
        }
        if (fresh) {
                rules_write_bridge(file, session->table,
                                   leases_network_of(&session->leases, lease));
        }
        if (session->forwarding.changed) {
                rules_write_opened(file, session->table, &session->forwarding.opened);
        }
        if (fclose(file) != 0) {
                return error_oom(error);
        }
        /* A table that was changed by hand is rewritten. */
        return (text[0] == '\0' || nftables_run(text, NULL) == 0) &&
                               set_elements_change(session->table, &elements, 1, true) == 0
                       ? 0
                       : apply_rules(session, error);
}

/* ---- collection ---- */

static const struct network_lease *find_link(const struct network_session *session,
                                             const char *link)
{
        TABLE_FOREACH_LEASE(lease, &session->leases)
        {
                if (lease->owner.pid > 0 && string_equal(lease->link, link)) {
                        return lease;
                }
        }
        return NULL;
}

/* The network that uses a bridge, or for which it was made. */
static struct network_state *find_bridge(const struct network_session *session, const char *bridge)
{
        TABLE_FOREACH_NETWORK(state, &session->leases)
        {
                if (string_equal(state->bridge, bridge) || string_equal(state->made, bridge)) {
                        return state;
                }
        }
        return NULL;
}

/* Whether our bridge is in use: by a live machine, or by a port that is not ours. */
static bool is_used(const struct network_session *session, const struct interface *bridge,
                    const struct network_state *keep)
{
        const struct network_state *state = find_bridge(session, bridge->name);

        if (state && string_equal(state->bridge, bridge->name) &&
            (state == keep || leases_is_live(&session->leases, state))) {
                return true;
        }
        for (size_t i = 0; i < session->interfaces.count; i++) {
                const struct interface *item = &session->interfaces.items[i];

                if (item->master == bridge->index &&
                    !(item->alias && string_after(item->alias, session->tag))) {
                        return true;
                }
        }
        return false;
}

/* Recognized by its tag or, if the start was killed before it had one, by the name on record. */
static bool is_ours(const struct network_session *session, const struct interface *item)
{
        const struct network_state *state;

        if (item->alias) {
                return string_after(item->alias, session->tag) != NULL;
        }
        state = find_bridge(session, item->name);
        return state && !state->foreign && item->group == LINK_GROUP;
}

static int remove_interface(struct network_session *session, const struct interface *item,
                            struct machine_error *error)
{
        struct network_state *state = find_bridge(session, item->name);
        int r = interface_delete(session->socket, item->index);

        if (r == 0 && state && string_equal(state->made, item->name)) {
                state->made[0] = '\0';
        }
        return r == 0 ? 0 : error_set(error, r, "cannot remove the stale link %s", item->name);
}

static int collect_links(struct network_session *session, const struct network_state *keep,
                         struct machine_error *error)
{
        int r = network_session_list_interfaces(session, error);

        for (size_t i = 0; r == 0 && i < session->interfaces.count; i++) {
                const struct interface *item = &session->interfaces.items[i];
                bool bridge = string_equal(item->kind, "bridge");

                if (is_ours(session, item) && !(bridge ? is_used(session, item, keep)
                                                       : find_link(session, item->name) != NULL)) {
                        r = remove_interface(session, item, error);
                }
        }
        return r;
}

/* Bridges that were made for networks whose last machine has ended. */
static bool has_unused_bridge(const struct network_session *session,
                              const struct network_state *keep)
{
        TABLE_FOREACH_NETWORK(state, &session->leases)
        {
                if (state->made[0] != '\0' &&
                    (!string_equal(state->made, state->bridge) ||
                     (state != keep && !leases_is_live(&session->leases, state)))) {
                        return true;
                }
        }
        return false;
}

/* A bridge that is gone, because somebody removed it, need not be removed. */
static void forget_bridges(struct network_session *session)
{
        TABLE_FOREACH_NETWORK(state, &session->leases)
        {
                if (state->made[0] != '\0' &&
                    !interface_by_name(&session->interfaces, state->made)) {
                        state->made[0] = '\0';
                }
        }
}

static int sweep(struct network_session *session, const struct network_state *keep,
                 struct machine_error *error)
{
        int r = collect_links(session, keep, error);

        if (r == 0) {
                forget_bridges(session);
                leases_host(&session->leases)->sweep = false;
                network_session_save(session);
        }
        interface_list_clear(&session->interfaces);
        return r;
}

/* What the process in the background does, unless there is none, or this start depends on it. */
static int process_endings(struct network_session *session, struct machine_error *error)
{
        _cleanup_close_ int turn =
                ending_is_needed(session) ? ending_take_turn(session) : -EWOULDBLOCK;

        return turn >= 0 || session->pruned ? ending_process(session, error) : 0;
}

int apply_collect(struct network_session *session, const struct network_state *keep,
                  struct machine_error *error)
{
        const struct network_host *host = leases_host(&session->leases);
        int r = process_endings(session, error);
        bool last;

        session->pruned = false;
        if (r == 0 && (host->sweep || has_unused_bridge(session, keep))) {
                r = sweep(session, keep, error);
        }
        last = r == 0 && !keep && !leases_is_attached(&session->leases, NULL);
        /* Before the rules go, one of which keeps machines from the host's loopback. */
        if (last) {
                forwarding_undo(&session->forwarding);
        }
        if (r == 0 && (last || host->stale)) {
                r = apply_rules(session, error);
        }
        if (last && r == 0) {
                r = forwarding_save(session->directory_fd, &session->forwarding, error);
        }
        return r;
}
