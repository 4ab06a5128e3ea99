/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/kinds/kind.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <machine/machine.h>

#include "base/strings.h"

/* Published ports: [IP:]HOST[-END]:MACHINE[-END][/tcp|udp|sctp], an IPv6 address in brackets. */

static const struct {
        const char *name;
        enum machine_protocol protocol;
} protocols[] = {
        { "tcp", MACHINE_PROTOCOL_TCP },
        { "udp", MACHINE_PROTOCOL_UDP },
        { "sctp", MACHINE_PROTOCOL_SCTP },
};

void *config_array_add(const struct config_value *value, size_t element_size)
{
        void **place = CONFIG_PLACE(value->base, value->key->offset);
        size_t *count = CONFIG_PLACE(value->base, value->key->offset_extra);
        char *grown = reallocarray(*place, *count + 1, element_size);

        if (!grown) {
                return NULL;
        }
        *place = grown;
        return memset(grown + element_size * (*count)++, 0, element_size);
}

/* Reads "80" or "80-89" up to the end of the text. */
static bool read_ports(const char *text, uint16_t *ret_first, uint16_t *ret_last)
{
        unsigned long numbers[2] = { 0, 0 };
        int n = 0;

        for (;; n++) {
                char *end;

                if (n == 2 || !isdigit((unsigned char)*text) || *text == '0' ||
                    strspn(text, "0123456789") > 5) {
                        return false;
                }
                numbers[n] = strtoul(text, &end, 10);
                if (numbers[n] > UINT16_MAX) {
                        return false;
                }
                if (!*end) {
                        break;
                }
                if (*end != '-') {
                        return false;
                }
                text = end + 1;
        }
        *ret_first = (uint16_t)numbers[0];
        *ret_last = (uint16_t)(n ? numbers[1] : numbers[0]);
        return *ret_first <= *ret_last;
}

static bool take_protocol(char *text, struct machine_port *port)
{
        char *slash = strrchr(text, '/');

        if (!slash) {
                port->protocol = MACHINE_PROTOCOL_TCP;
                return true;
        }
        *slash = '\0';
        for (size_t i = 0; i < ELEMENTS_OF(protocols); i++) {
                if (strcmp(slash + 1, protocols[i].name) == 0) {
                        port->protocol = protocols[i].protocol;
                        return true;
                }
        }
        return false;
}

/* Splits off the address; *ret_rest is the rest of the text. 0, -EINVAL or -ENOMEM. */
static int take_address(char *text, struct machine_port *port, char **ret_rest)
{
        unsigned char bytes[16];
        char canonical[INET6_ADDRSTRLEN];
        char *colon = strchr(text, ':');
        bool bracket = text[0] == '[';
        char *end = bracket ? strchr(text, ']') : colon;
        int family = bracket ? AF_INET6 : AF_INET;

        if (!colon || !end || (bracket && end[1] != ':')) {
                return -EINVAL;
        }
        if (!bracket && !strchr(colon + 1, ':')) {
                *ret_rest = text;
                return 0;
        }
        *end = '\0';
        if (inet_pton(family, text + bracket, bytes) != 1 ||
            !inet_ntop(family, bytes, canonical, sizeof canonical)) {
                return -EINVAL;
        }
        port->address = strdup(canonical);
        *ret_rest = end + 1 + bracket;
        return port->address ? 0 : -ENOMEM;
}

static int read_port(const char *definition, struct machine_port *port, bool *ret_unequal)
{
        _cleanup_free_ char *text = strdup(definition);
        uint16_t machine_last;
        char *rest, *colon;
        int r;

        if (!text) {
                return -ENOMEM;
        }
        if (!take_protocol(text, port)) {
                return -EINVAL;
        }
        r = take_address(text, port, &rest);
        if (r < 0) {
                return r;
        }
        colon = strchr(rest, ':');
        if (!colon) {
                return -EINVAL;
        }
        *colon = '\0';
        if (!read_ports(rest, &port->host_first, &port->host_last) ||
            !read_ports(colon + 1, &port->machine_first, &machine_last)) {
                return -EINVAL;
        }
        *ret_unequal = port->host_last - port->host_first != machine_last - port->machine_first;
        return *ret_unequal ? -EINVAL : 0;
}

static int add_port(const struct config_value *value, const struct config_node *node)
{
        struct machine_port port = { 0 };
        bool unequal = false;
        struct machine_port *place;
        int r = read_port(node->string, &port, &unequal);

        if (r == -EINVAL) {
                free(port.address);
                return config_value_refuse(
                        value, node,
                        unequal ? string_format("the two ranges of \"%.80s\" differ in length",
                                                node->string)
                                : NULL,
                        NULL);
        }
        place = r < 0 ? NULL : config_array_add(value, sizeof *place);
        if (!place) {
                free(port.address);
                return -ENOMEM;
        }
        *place = port;
        return 0;
}

/* Each pair is compared, so their number is limited. A range counts as one, however long. */
#define PORTS_MAXIMUM 4096

static int parse_ports(const struct config_value *value)
{
        if (value->node->child_count > PORTS_MAXIMUM) {
                return config_value_refuse(value, value->node,
                                           string_format("more than %d ports", PORTS_MAXIMUM),
                                           strdup("use ranges: \"5000-5999:5000-5999\""));
        }
        return config_parse_elements(value, add_port);
}

static json_t *port_json(const struct config_key *key, const void *element)
{
        const struct machine_port *port = element;
        bool ipv6 = port->address && strchr(port->address, ':');
        _cleanup_free_ char *address = port->address ? string_format("%s%s%s:", ipv6 ? "[" : "",
                                                                     port->address, ipv6 ? "]" : "")
                                                     : strdup("");
        const char *protocol = protocols[port->protocol].name;
        unsigned int span = (unsigned int)(port->host_last - port->host_first);
        unsigned int machine_last = port->machine_first + span;

        if (!address) {
                return NULL;
        }
        if (span == 0) {
                return json_sprintf("%s%u:%u/%s", address, port->host_first, port->machine_first,
                                    protocol);
        }
        return json_sprintf("%s%u-%u:%u-%u/%s", address, port->host_first, port->host_last,
                            port->machine_first, machine_last, protocol);
}

static int emit_ports(const struct config_key *key, const void *base, json_t **ret)
{
        return config_emit_elements(key, base, sizeof(struct machine_port), port_json, ret);
}

const struct config_kind config_kind_ports = {
        .shape = CONFIG_SHAPE_STRINGS,
        .accepted = "\"[ADDRESS:]HOST:MACHINE[/tcp|udp|sctp]\" such as \"8080:80\" or "
                    "\"[::1]:5000-5009:5000-5009/udp\"",
        .pattern = "^((\\[[0-9a-fA-F:.]+\\]|[0-9.]+):)?[0-9]+(-[0-9]+)?:[0-9]+(-[0-9]+)?(/"
                   "(tcp|udp|sctp))?$",
        .parse = parse_ports,
        .emit = emit_ports,
};
