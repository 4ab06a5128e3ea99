/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/apply.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/strings.h"
#include "network/elements.h"
#include "network/firewall.h"
#include "network/link.h"
#include "network/nftables.h"
#include "network/setting.h"

/* Settings of our bridge that must stand before it comes up. */
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

static int make_bridge(struct network_room *room, const struct network_state *state,
                       struct machine_error *error)
{
        _cleanup_free_ char *tag = room_tag(room, state->name, NULL);
        struct link_settings settings = {
                .name = state->bridge,
                .mtu = (uint32_t)state->mtu,
        };
        struct netlink_reason reason;
        int r;

        if (!tag) {
                return error_oom(error);
        }
        /* Without an address of its own a bridge takes that of its lowest port, which goes away
         * with its machine, and the peers' neighbour entries with it. */
        link_derive_mac(tag, settings.mac);
        r = link_add_bridge(room->socket, &settings, &reason);
        if (r == 0) {
                r = interface_tag(room->socket, (int)if_nametoindex(state->bridge), tag, &reason);
        }
        if (r < 0) {
                return netlink_fail(error, r, &reason, "cannot make the bridge %s", state->bridge);
        }
        r = room_refresh_interfaces(room, error);
        return r == 0 ? prepare_bridge(state->bridge, error) : r;
}

static int add_gateway(struct network_room *room, int index, const char *bridge,
                       const struct network_address *gateway, const struct network_prefix *subnet,
                       struct machine_error *error)
{
        struct netlink_reason reason;
        char text[ADDRESS_TEXT_SIZE];
        int r;

        if (!address_is_set(gateway)) {
                return 0;
        }
        r = interface_add_address(room->socket, index, gateway, subnet->length, &reason);
        return r == 0 ? 0
                      : netlink_fail(error, r, &reason, "cannot give the bridge %s the address %s",
                                     bridge, address_format(gateway, text));
}

static int configure_bridge(struct network_room *room, const struct network_state *state,
                            const struct interface *bridge, struct machine_error *error)
{
        struct netlink_reason reason;
        int r = 0;

        if (!(bridge->flags & IFF_UP)) {
                r = interface_up(room->socket, bridge->index, &reason);
                if (r < 0) {
                        return netlink_fail(error, r, &reason, "cannot bring the bridge %s up",
                                            state->bridge);
                }
        }
        r = add_gateway(room, bridge->index, state->bridge, &state->gateway, &state->subnet, error);
        if (r == 0) {
                r = add_gateway(room, bridge->index, state->bridge, &state->gateway6,
                                &state->subnet6, error);
        }
        return r;
}

int apply_bridge(struct network_room *room, const struct network_state *state, int *ret_index,
                 struct machine_error *error)
{
        const struct interface *bridge = interface_by_name(&room->interfaces, state->bridge);
        int r = 0;

        if (!bridge && state->foreign) {
                return error_say(error, ENODEV, "the bridge %s of network \"%s\" is gone",
                                 state->bridge, state->name);
        }
        if (!bridge) {
                r = make_bridge(room, state, error);
                if (r < 0) {
                        return r;
                }
                bridge = interface_by_name(&room->interfaces, state->bridge);
        }
        if (!bridge || !string_equal(bridge->kind, "bridge")) {
                return error_say(error, EEXIST, "cannot use %s as a bridge: it is something else",
                                 state->bridge);
        }
        if (!state->foreign) {
                r = configure_bridge(room, state, bridge, error);
        }
        if (r == 0) {
                *ret_index = bridge->index;
        }
        return r;
}

int apply_settings(struct network_room *room, const struct network_state *state, bool ports,
                   struct machine_error *error)
{
        struct forwarding_need need = {
                .interfaces = &room->interfaces,
                .bridge = state->bridge,
                .foreign = state->foreign,
                .tag = room->tag,
                .ipv4 = prefix_is_set(&state->subnet),
                .ipv6 = prefix_is_set(&state->subnet6),
        };
        int r = 0;

        if (!state->internal) {
                r = forwarding_open(&room->forwarding, &need, error);
        }
        if (r == 0 && ports && need.ipv4) {
                r = forwarding_open_localnet(&room->forwarding, state->bridge, state->foreign,
                                             error);
        }
        return r;
}

int apply_warnings(const struct network_room *room, const struct network_state *state,
                   char ***warnings, struct machine_error *error)
{
        struct firewall_question question = {
                .table = room->table,
                .bridge = state->bridge,
                .own = !state->foreign,
                .ipv4 = prefix_is_set(&state->subnet),
                .ipv6 = prefix_is_set(&state->subnet6),
        };
        int r = firewall_warn(&question, warnings);

        return r == 0 ? 0 : error_set(error, r, "cannot look at the host's firewall");
}

static bool any_attached(const struct network_room *room)
{
        for (size_t i = 0; i < room->state_count; i++) {
                const struct network_state *state = room->states[i];

                for (size_t j = 0; state->bridge && j < state->lease_count; j++) {
                        if (state->leases[j].attached) {
                                return true;
                        }
                }
        }
        return false;
}

static int run(const char *text, struct machine_error *error)
{
        _cleanup_nftables_ struct nftables *nftables = NULL;
        int r = nftables_open(&nftables, error);

        return r == 0 ? nftables_run(nftables, text, error) : r;
}

static int write_rules(struct network_room *room, char **ret)
{
        size_t length;
        FILE *file = open_memstream(ret, &length);

        if (!file) {
                return -ENOMEM;
        }
        if (any_attached(room)) {
                rules_write_table(file, room->table, room->states, room->state_count,
                                  &room->forwarding.opened);
        } else {
                rules_write_removal(file, room->table);
        }
        return fclose(file) == 0 ? 0 : -ENOMEM;
}

static int mark_good(struct network_room *room, struct machine_error *error)
{
        int r = 0;

        room->stale = false;
        for (size_t i = 0; r == 0 && i < room->state_count; i++) {
                if (room->states[i]->stale != 0) {
                        room->states[i]->stale = 0;
                        r = room_save(room, room->states[i], error);
                }
        }
        return r;
}

int apply_rules(struct network_room *room, struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        bool present;
        int r;

        if (!any_attached(room)) {
                r = firewall_has_table(room->table, &present);
                /* A kernel without nf_tables has no table of ours either. */
                if (r < 0 || !present) {
                        return mark_good(room, error);
                }
        }
        if (write_rules(room, &text) < 0) {
                return error_oom(error);
        }
        r = run(text, error);
        return r == 0 ? mark_good(room, error) : r;
}

int apply_lease(struct network_room *room, const struct network_state *state,
                const struct network_lease *lease, bool fresh, struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        bool present = false;
        size_t length;
        FILE *file;
        int r = firewall_has_table(room->table, &present);

        if (r < 0) {
                return error_set(error, r, "cannot ask the kernel for the nftables table %s",
                                 room->table);
        }
        if (!present || room->stale) {
                return apply_rules(room, error);
        }
        file = open_memstream(&text, &length);
        if (!file) {
                return error_oom(error);
        }
        if (fresh) {
                rules_write_bridge(file, room->table, state);
        }
        if (room->forwarding.changed) {
                rules_write_opened(file, room->table, &room->forwarding.opened);
        }
        if (fclose(file) != 0) {
                return error_oom(error);
        }
        /* A table that somebody changed by hand is written anew. */
        return (text[0] == '\0' || run(text, NULL) == 0) &&
                               elements_change(room->table, lease, true) == 0
                       ? 0
                       : apply_rules(room, error);
}

int apply_release(struct network_room *room, struct network_state *state,
                  const struct network_lease *lease, uint64_t stale, struct machine_error *error)
{
        if (state->stale == 0 || state->stale != stale ||
            elements_change(room->table, lease, false) < 0) {
                return 0;
        }
        state->stale = 0;
        room->stale = false;
        for (size_t i = 0; i < room->state_count; i++) {
                room->stale = room->stale || room->states[i]->stale != 0;
        }
        return room_save(room, state, error);
}

static const struct network_lease *find_link(const struct network_room *room, const char *link)
{
        for (size_t i = 0; i < room->state_count; i++) {
                for (size_t j = 0; j < room->states[i]->lease_count; j++) {
                        const struct network_lease *lease = &room->states[i]->leases[j];

                        if (lease->owner.pid > 0 && string_equal(lease->link, link)) {
                                return lease;
                        }
                }
        }
        return NULL;
}

/* Whether a bridge of ours is in use: by a live machine, or by a port that is not ours. */
static bool is_used(const struct network_room *room, const struct interface *bridge,
                    const struct network_state *keep)
{
        for (size_t i = 0; i < room->state_count; i++) {
                const struct network_state *state = room->states[i];

                if (string_equal(state->bridge, bridge->name) &&
                    (state == keep || network_state_is_live(state))) {
                        return true;
                }
        }
        for (size_t i = 0; i < room->interfaces.count; i++) {
                const struct interface *item = &room->interfaces.items[i];

                if (item->master == bridge->index &&
                    !(item->alias && string_after(item->alias, room->tag))) {
                        return true;
                }
        }
        return false;
}

/* By its tag, or, where a start was killed before it had one, by what its state says. */
static bool is_ours(const struct network_room *room, const struct interface *item)
{
        if (item->alias) {
                return string_after(item->alias, room->tag) != NULL;
        }
        for (size_t i = 0; i < room->state_count; i++) {
                const struct network_state *state = room->states[i];

                if (!state->foreign && string_equal(state->bridge, item->name) &&
                    item->group == LINK_GROUP) {
                        return true;
                }
        }
        return strv_contains(room->dead_links, item->name);
}

static int collect_links(struct network_room *room, const struct network_state *keep,
                         struct machine_error *error)
{
        for (size_t i = 0; i < room->interfaces.count; i++) {
                const struct interface *item = &room->interfaces.items[i];
                bool bridge = string_equal(item->kind, "bridge");
                int r;

                if (!is_ours(room, item) ||
                    (bridge ? is_used(room, item, keep) : find_link(room, item->name) != NULL)) {
                        continue;
                }
                r = interface_delete(room->socket, item->index);
                if (r < 0) {
                        return error_set(error, r, "cannot remove the link %s that was left",
                                         item->name);
                }
        }
        return 0;
}

int apply_collect(struct network_room *room, const struct network_state *keep,
                  struct machine_error *error)
{
        int r = collect_links(room, keep, error);

        if (r == 0 && room->stale) {
                r = apply_rules(room, error);
        }
        if (r == 0 && !keep && !any_attached(room)) {
                r = apply_rules(room, error);
                forwarding_undo(&room->forwarding);
                if (r == 0) {
                        r = forwarding_save(room->directory_fd, &room->forwarding, error);
                }
        }
        return r;
}
