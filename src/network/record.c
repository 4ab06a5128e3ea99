/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/record.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/strings.h"

#define RECORD_VERSION 1

static const char *const protocol_names[] = {
        [MACHINE_PROTOCOL_TCP] = "tcp",
        [MACHINE_PROTOCOL_UDP] = "udp",
        [MACHINE_PROTOCOL_SCTP] = "sctp",
};

static int put_address(json_t *object, const char *key, const struct network_address *address)
{
        char text[ADDRESS_TEXT_SIZE];

        return address_is_set(address) ? json_set_string(object, key, address_format(address, text))
                                       : 0;
}

static int put_prefix(json_t *object, const char *key, const struct network_prefix *prefix)
{
        char text[ADDRESS_TEXT_SIZE];

        return prefix_is_set(prefix) ? json_set_string(object, key, prefix_format(prefix, text))
                                     : 0;
}

static int put_optional(json_t *object, const char *key, const char *value)
{
        return value ? json_set_string(object, key, value) : 0;
}

/* "tcp FIRST LAST MACHINE-FIRST [ADDRESS]": a machine may have thousands, and an object for each is
 * most of what reading and writing the file costs. */
static json_t *port_to_json(const struct machine_port *port)
{
        char text[sizeof("sctp 65535 65535 65535 ") + ADDRESS_TEXT_SIZE];

        (void)snprintf(text, sizeof(text), "%s %u %u %u%s%s", protocol_names[port->protocol],
                       port->host_first, port->host_last, port->machine_first,
                       port->address ? " " : "", port->address ? port->address : "");
        return json_string(text);
}

static json_t *ports_to_json(const struct network_lease *lease)
{
        _cleanup_json_ json_t *array = json_array();

        for (size_t i = 0; array && i < lease->port_count; i++) {
                if (json_array_append_new(array, port_to_json(&lease->ports[i])) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(array);
}

static json_t *owner_to_json(const struct process_identity *owner)
{
        _cleanup_json_ json_t *object = json_object();

        if (!object || json_set_number(object, "pid", (uint64_t)owner->pid) < 0 ||
            json_set_number(object, "start_time", owner->start_time) < 0 ||
            json_set_string(object, "boot_id", owner->boot_id) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

static json_t *lease_to_json(const struct network_lease *lease)
{
        _cleanup_json_ json_t *object = json_object();

        if (!object || json_set_string(object, "machine", lease->machine) < 0 ||
            put_optional(object, "hostname", lease->hostname) < 0 ||
            put_optional(object, "domainname", lease->domainname) < 0 ||
            json_set_strings(object, "hosts", lease->hosts) < 0 ||
            put_address(object, "address", &lease->address) < 0 ||
            put_address(object, "address6", &lease->address6) < 0 ||
            json_set_boolean(object, "shared", lease->shared) < 0 ||
            json_set_boolean(object, "attached", lease->attached) < 0 ||
            put_optional(object, "link", lease->link) < 0 ||
            json_set_number(object, "used", lease->used) < 0 ||
            json_set_value(object, "ports", ports_to_json(lease)) < 0) {
                return NULL;
        }
        if (lease->owner.pid > 0 &&
            json_set_value(object, "owner", owner_to_json(&lease->owner)) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

static json_t *leases_to_json(const struct network_state *state)
{
        _cleanup_json_ json_t *array = json_array();

        for (size_t i = 0; array && i < state->lease_count; i++) {
                if (json_array_append_new(array, lease_to_json(&state->leases[i])) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(array);
}

int network_record_write(const struct network_state *state, char **ret)
{
        _cleanup_json_ json_t *object = json_object();

        if (!object || json_set_number(object, "version", RECORD_VERSION) < 0 ||
            json_set_string(object, "name", state->name) < 0 ||
            put_optional(object, "bridge", state->bridge) < 0 ||
            json_set_boolean(object, "foreign", state->foreign) < 0 ||
            json_set_boolean(object, "internal", state->internal) < 0 ||
            json_set_boolean(object, "isolated", state->isolated) < 0 ||
            json_set_number(object, "stale", state->stale) < 0 ||
            json_set_number(object, "mtu", state->mtu) < 0 ||
            put_prefix(object, "subnet", &state->subnet) < 0 ||
            put_prefix(object, "subnet6", &state->subnet6) < 0 ||
            put_address(object, "gateway", &state->gateway) < 0 ||
            put_address(object, "gateway6", &state->gateway6) < 0 ||
            json_set_number(object, "sequence", state->sequence) < 0 ||
            json_set_value(object, "leases", leases_to_json(state)) < 0) {
                return -ENOMEM;
        }
        *ret = json_dumps(object, JSON_INDENT(1));
        return *ret ? 0 : -ENOMEM;
}

/* Readers: 0, -EBADMSG for a value of the wrong kind, -ENOMEM. */

static int take_string(const json_t *object, const char *key, char **ret)
{
        const char *text = json_get_string(object, key);

        if (!text) {
                return json_object_get(object, key) ? -EBADMSG : 0;
        }
        return string_replace(ret, text);
}

static int take_address(const json_t *object, const char *key, struct network_address *ret)
{
        const char *text = json_get_string(object, key);

        if (!text) {
                return json_object_get(object, key) ? -EBADMSG : 0;
        }
        return address_parse(text, ret) < 0 ? -EBADMSG : 0;
}

static int take_prefix(const json_t *object, const char *key, struct network_prefix *ret)
{
        const char *text = json_get_string(object, key);

        if (!text) {
                return json_object_get(object, key) ? -EBADMSG : 0;
        }
        return prefix_parse(text, ret) < 0 ? -EBADMSG : 0;
}

static int take_number(const json_t *object, const char *key, uint64_t maximum, uint64_t *ret)
{
        uint64_t number;

        if (json_get_number(object, key, &number) < 0 || number > maximum) {
                return -EBADMSG;
        }
        *ret = number;
        return 0;
}

static int take_boolean(const json_t *object, const char *key, bool *ret)
{
        const json_t *value = json_object_get(object, key);

        if (!json_is_boolean(value)) {
                return -EBADMSG;
        }
        *ret = json_is_true(value);
        return 0;
}

static int take_strings(const json_t *object, const char *key, char ***ret)
{
        const json_t *array = json_object_get(object, key);
        const json_t *value;
        size_t index;

        if (array && !json_is_array(array)) {
                return -EBADMSG;
        }
        json_array_foreach(array, index, value)
        {
                if (!json_is_string(value)) {
                        return -EBADMSG;
                }
                if (strv_append(ret, json_string_value(value)) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

static int find_protocol(const char *name, enum machine_protocol *ret)
{
        for (size_t i = 0; i < ELEMENTS_OF(protocol_names); i++) {
                if (string_equal(protocol_names[i], name)) {
                        *ret = (enum machine_protocol)i;
                        return 0;
                }
        }
        return -EBADMSG;
}

static int take_port(const json_t *value, struct machine_port *port)
{
        char protocol[8];
        char address[ADDRESS_TEXT_SIZE] = "";
        unsigned int first;
        unsigned int last;
        unsigned int machine;

        if (!json_is_string(value) ||
            sscanf(json_string_value(value), "%7s %5u %5u %5u %49s", protocol, &first, &last,
                   &machine, address) < 4 ||
            find_protocol(protocol, &port->protocol) < 0 || last > UINT16_MAX || first > last ||
            machine + (last - first) > UINT16_MAX) {
                return -EBADMSG;
        }
        port->host_first = (uint16_t)first;
        port->host_last = (uint16_t)last;
        port->machine_first = (uint16_t)machine;
        return address[0] ? string_replace(&port->address, address) : 0;
}

static int take_ports(const json_t *object, struct network_lease *lease)
{
        const json_t *array = json_object_get(object, "ports");
        const json_t *value;
        size_t index;

        if (!json_is_array(array)) {
                return -EBADMSG;
        }
        if (json_array_size(array) == 0) {
                return 0;
        }
        lease->ports = calloc(json_array_size(array), sizeof(*lease->ports));
        if (!lease->ports) {
                return -ENOMEM;
        }
        json_array_foreach(array, index, value)
        {
                int r = take_port(value, &lease->ports[lease->port_count++]);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int take_owner(const json_t *object, struct process_identity *ret)
{
        const json_t *owner = json_object_get(object, "owner");
        const char *boot_id = json_get_string(owner, "boot_id");
        uint64_t pid;

        if (!owner) {
                return 0;
        }
        if (take_number(owner, "pid", INT32_MAX, &pid) < 0 ||
            take_number(owner, "start_time", UINT64_MAX, &ret->start_time) < 0 || !boot_id ||
            strlen(boot_id) >= sizeof(ret->boot_id)) {
                return -EBADMSG;
        }
        ret->pid = (pid_t)pid;
        strcpy(ret->boot_id, boot_id);
        return 0;
}

static int take_lease(const json_t *object, struct network_state *state)
{
        const char *machine = json_get_string(object, "machine");
        struct network_lease *lease = machine ? network_state_add(state, machine) : NULL;
        int r;

        if (!lease) {
                return machine ? -ENOMEM : -EBADMSG;
        }
        if ((r = take_string(object, "hostname", &lease->hostname)) < 0 ||
            (r = take_string(object, "domainname", &lease->domainname)) < 0 ||
            (r = take_strings(object, "hosts", &lease->hosts)) < 0 ||
            (r = take_address(object, "address", &lease->address)) < 0 ||
            (r = take_address(object, "address6", &lease->address6)) < 0 ||
            (r = take_boolean(object, "shared", &lease->shared)) < 0 ||
            (r = take_boolean(object, "attached", &lease->attached)) < 0 ||
            (r = take_string(object, "link", &lease->link)) < 0 ||
            (r = take_number(object, "used", UINT64_MAX, &lease->used)) < 0 ||
            (r = take_ports(object, lease)) < 0) {
                return r;
        }
        return take_owner(object, &lease->owner);
}

static int take_leases(const json_t *object, struct network_state *state)
{
        const json_t *array = json_object_get(object, "leases");
        const json_t *value;
        size_t index;

        if (!json_is_array(array)) {
                return -EBADMSG;
        }
        json_array_foreach(array, index, value)
        {
                int r = take_lease(value, state);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int take_state(const json_t *object, struct network_state *state)
{
        int r;

        if ((r = take_string(object, "bridge", &state->bridge)) < 0 ||
            (r = take_boolean(object, "foreign", &state->foreign)) < 0 ||
            (r = take_boolean(object, "internal", &state->internal)) < 0 ||
            (r = take_boolean(object, "isolated", &state->isolated)) < 0 ||
            (r = take_number(object, "stale", UINT64_MAX, &state->stale)) < 0 ||
            (r = take_number(object, "mtu", UINT32_MAX, &state->mtu)) < 0 ||
            (r = take_prefix(object, "subnet", &state->subnet)) < 0 ||
            (r = take_prefix(object, "subnet6", &state->subnet6)) < 0 ||
            (r = take_address(object, "gateway", &state->gateway)) < 0 ||
            (r = take_address(object, "gateway6", &state->gateway6)) < 0 ||
            (r = take_number(object, "sequence", UINT64_MAX, &state->sequence)) < 0) {
                return r;
        }
        return take_leases(object, state);
}

int network_record_read(const char *text, const char *path, const char *name,
                        struct network_state **ret, struct machine_error *error)
{
        _cleanup_network_state_ struct network_state *state = network_state_new(name);
        _cleanup_json_ json_t *object = NULL;
        json_error_t where;
        uint64_t version;
        int r;

        if (!state) {
                return error_oom(error);
        }
        object = json_loads(text, JSON_REJECT_DUPLICATES, &where);
        if (!object) {
                return error_say(error, EBADMSG, "the network state in %s is damaged: line %d: %s",
                                 path, where.line, where.text);
        }
        if (json_get_number(object, "version", &version) < 0 || version != RECORD_VERSION) {
                r = error_say(error, EBADMSG,
                              "the network state in %s is of another version than this program's",
                              path);
                error_hint(error, "stop the machines of network \"%s\" and remove the file", name);
                return r;
        }
        r = string_equal(json_get_string(object, "name"), name) ? take_state(object, state)
                                                                : -EBADMSG;
        if (r == -ENOMEM) {
                return error_oom(error);
        }
        if (r < 0) {
                r = error_say(error, EBADMSG, "the network state in %s is damaged", path);
                error_hint(error, "stop the machines of network \"%s\" and remove the file", name);
                return r;
        }
        *ret = TAKE_PTR(state);
        return 0;
}
