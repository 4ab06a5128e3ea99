/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/network.h"

#include "base/json.h"
#include "base/strings.h"
#include "network/firewall.h"
#include "network/port.h"
#include "network/room.h"

static int put_address(json_t *object, const char *key, const struct network_address *address)
{
        char text[ADDRESS_TEXT_SIZE];

        return json_set_string(object, key,
                               address_is_set(address) ? address_format(address, text) : NULL);
}

static int put_prefix(json_t *object, const char *key, const struct network_prefix *prefix)
{
        char text[ADDRESS_TEXT_SIZE];

        return json_set_string(object, key,
                               prefix_is_set(prefix) ? prefix_format(prefix, text) : NULL);
}

static bool is_up(const struct network_room *room, const char *name)
{
        const struct interface *interface =
                name ? interface_by_name(&room->interfaces, name) : NULL;

        return interface && (interface->flags & IFF_UP);
}

/* Whether every port of a range is in the map of one family. */
static bool is_published(const char *table, const struct machine_port *port, sa_family_t family)
{
        struct element_key key;
        const char *map;

        if (!elements_find_key(port, family, &key)) {
                return true;
        }
        map = elements_map(&key, family);
        for (unsigned int number = port->host_first; number <= port->host_last; number++) {
                bool present;

                key.port = (uint16_t)number;
                if (firewall_has_key(table, map, &key, &present) < 0 || !present) {
                        return false;
                }
        }
        return true;
}

static int put_ports(const struct network_room *room, const struct network_lease *lease,
                     json_t *object)
{
        _cleanup_strv_ char **ports = NULL;
        _cleanup_strv_ char **missing = NULL;

        for (size_t i = 0; i < lease->port_count; i++) {
                const struct machine_port *port = &lease->ports[i];
                bool whole = (!address_is_set(&lease->address) ||
                              is_published(room->table, port, AF_INET)) &&
                             (!address_is_set(&lease->address6) ||
                              is_published(room->table, port, AF_INET6));

                if (strv_take(&ports, port_format_pair(port)) < 0 ||
                    (!whole && strv_take(&missing, port_format_pair(port)) < 0)) {
                        return -ENOMEM;
                }
        }
        return json_set_strings(object, "ports", ports) < 0 ||
                               json_set_strings(object, "ports_missing", missing) < 0
                       ? -ENOMEM
                       : 0;
}

static json_t *report_lease(const struct network_room *room, const struct network_lease *lease)
{
        _cleanup_json_ json_t *object = json_object();
        json_t *pid = lease->owner.pid > 0 ? json_integer(lease->owner.pid) : json_null();

        if (!object || json_set_string(object, "name", lease->machine) < 0 ||
            json_set_value(object, "pid", pid) < 0 ||
            put_address(object, "address", &lease->address) < 0 ||
            put_address(object, "address6", &lease->address6) < 0 ||
            json_set_string(object, "link", lease->link) < 0 ||
            json_set_boolean(object, "link_up", is_up(room, lease->link)) < 0 ||
            put_ports(room, lease, object) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

static json_t *report_leases(const struct network_room *room, const struct network_state *state)
{
        _cleanup_json_ json_t *array = json_array();

        for (size_t i = 0; array && i < state->lease_count; i++) {
                if (json_array_append_new(array, report_lease(room, &state->leases[i])) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(array);
}

static json_t *report_state(const struct network_room *room, const struct network_state *state,
                            bool rules)
{
        _cleanup_json_ json_t *object = json_object();

        if (!object || json_set_string(object, "name", state->name) < 0 ||
            json_set_string(object, "bridge", state->bridge) < 0 ||
            json_set_boolean(object, "bridge_up", is_up(room, state->bridge)) < 0 ||
            put_prefix(object, "subnet", &state->subnet) < 0 ||
            put_prefix(object, "subnet6", &state->subnet6) < 0 ||
            put_address(object, "gateway", &state->gateway) < 0 ||
            put_address(object, "gateway6", &state->gateway6) < 0 ||
            json_set_number(object, "mtu", state->mtu) < 0 ||
            json_set_boolean(object, "internal", state->internal) < 0 ||
            json_set_boolean(object, "isolated", state->isolated) < 0 ||
            json_set_boolean(object, "rules", rules) < 0 ||
            json_set_value(object, "machines", report_leases(room, state)) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

int network_report(const char *runtime_directory, json_t **ret, struct machine_error *error)
{
        _cleanup_room_ struct network_room room = NETWORK_ROOM_INIT;
        _cleanup_json_ json_t *array = json_array();
        bool rules = false;
        int r = room_open_host(runtime_directory, &room, error);

        if (r < 0) {
                return r;
        }
        /* A kernel without nf_tables has no table of ours. */
        (void)firewall_has_table(room.table, &rules);
        for (size_t i = 0; array && i < room.state_count; i++) {
                if (room.states[i]->bridge &&
                    json_array_append_new(array, report_state(&room, room.states[i], rules)) < 0) {
                        return error_oom(error);
                }
        }
        if (!array) {
                return error_oom(error);
        }
        *ret = TAKE_PTR(array);
        return 0;
}
