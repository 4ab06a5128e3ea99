/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/kinds/kind.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include <machine/machine.h>

#include "base/quantity.h"
#include "base/strings.h"
#include "config/read/name.h"

static int keep(const char *text, char **ret)
{
        char *copy = strdup(text);

        if (!copy) {
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

/* A kind of text that is checked alike for both families. */
#define FAMILY_KIND(name, family, check, pattern, accepted)                                       \
        static int check_##name(const struct config_value *value, const struct config_node *node, \
                                const char *text, char **ret)                                     \
        {                                                                                         \
                return check(value, node, family, text, ret);                                     \
        }                                                                                         \
                                                                                                  \
        CONFIG_TEXT_KIND(config_kind_##name, check_##name, pattern, accepted)

/* The address as inet_ntop(3) writes it, so that equal ones are equal text. */
static bool canonical_address(int family, const char *text, char result[static INET6_ADDRSTRLEN])
{
        unsigned char bytes[16];

        return inet_pton(family, text, bytes) == 1 &&
               inet_ntop(family, bytes, result, INET6_ADDRSTRLEN) != NULL;
}

static bool address_is_multicast(int family, const char *text)
{
        unsigned char bytes[16];

        return inet_pton(family, text, bytes) == 1 &&
               (family == AF_INET ? bytes[0] >= 224 : bytes[0] == 0xff);
}

/* Checks an address for an interface. */
static int check_interface_address(const struct config_value *value, const struct config_node *node,
                                   int family, const char *text, char **ret)
{
        char canonical[INET6_ADDRSTRLEN];

        if (!canonical_address(family, text, canonical)) {
                return config_value_refuse(value, node, NULL, NULL);
        }
        if (address_is_multicast(family, canonical) || string_after(canonical, "127.") ||
            string_after(canonical, "0.") || strcmp(canonical, "::") == 0 ||
            strcmp(canonical, "::1") == 0) {
                return config_value_refuse(
                        value, node,
                        string_format("%s is not a valid address for an interface", canonical),
                        NULL);
        }
        return keep(canonical, ret);
}

FAMILY_KIND(address, AF_INET, check_interface_address, "^[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+$",
            "an IPv4 address such as \"10.88.0.10\"");
FAMILY_KIND(address6, AF_INET6, check_interface_address, "^[0-9a-fA-F:.]+$",
            "an IPv6 address such as \"fd00:88::10\"");

static int check_any_address(const struct config_value *value, const struct config_node *node,
                             const char *text, char **ret)
{
        char canonical[INET6_ADDRSTRLEN];

        if (!canonical_address(AF_INET, text, canonical) &&
            !canonical_address(AF_INET6, text, canonical)) {
                return config_value_refuse(value, node, NULL, NULL);
        }
        return keep(canonical, ret);
}

CONFIG_TEXTS_KIND(config_kind_addresses, check_any_address, "^[0-9a-fA-F:.]+$",
                  "IPv4 or IPv6 addresses: [ \"192.0.2.53\" ]");

/* ---- Subnets ---- */

static void clear_host_bits(unsigned char *bytes, size_t length, uint64_t prefix)
{
        for (size_t i = 0; i < length; i++) {
                if (prefix >= 8 * (i + 1)) {
                        continue;
                }
                bytes[i] &= prefix <= 8 * i ? 0 : (unsigned char)(0xff << (8 * (i + 1) - prefix));
        }
}

static int check_subnet_of(const struct config_value *value, const struct config_node *node,
                           int family, const char *text, char **ret)
{
        const char *slash = strchr(text, '/');
        size_t length = family == AF_INET ? 4 : 16;
        unsigned char given[16], bytes[16];
        char address[INET6_ADDRSTRLEN];
        uint64_t prefix;

        if (!slash || (size_t)(slash - text) >= sizeof address) {
                return config_value_refuse(value, node, NULL, NULL);
        }
        memcpy(address, text, (size_t)(slash - text));
        address[slash - text] = '\0';
        if (inet_pton(family, address, given) != 1 ||
            quantity_parse_number(slash + 1, &prefix) < 0 || prefix > length * 8) {
                return config_value_refuse(value, node, NULL, NULL);
        }
        /* Fewer than two bits leave no address besides the bridge's. */
        if (prefix < 8 || prefix > length * 8 - 2) {
                return config_value_refuse(
                        value, node,
                        string_format("/%s is not a valid prefix length for a network", slash + 1),
                        string_format("expected /8 to /%zu", length * 8 - 2));
        }
        memcpy(bytes, given, length);
        clear_host_bits(bytes, length, prefix);
        (void)inet_ntop(family, bytes, address, sizeof address);
        if (memcmp(bytes, given, length) != 0) {
                return config_value_refuse(
                        value, node, string_format("\"%s\" has host bits set", text),
                        string_format("the network is \"%s/%s\"", address, slash + 1));
        }
        *ret = string_format("%s/%s", address, slash + 1);
        return *ret ? 0 : -ENOMEM;
}

FAMILY_KIND(subnet, AF_INET, check_subnet_of, "^[0-9.]+/[0-9]+$",
            "an IPv4 network such as \"10.88.0.0/16\"");
FAMILY_KIND(subnet6, AF_INET6, check_subnet_of, "^[0-9a-fA-F:.]+/[0-9]+$",
            "an IPv6 network such as \"fd00:88::/64\"");

/* ---- Links ---- */

static int check_mac(const struct config_value *value, const struct config_node *node,
                     const char *text, char **ret)
{
        unsigned int bytes[6];
        int end = 0;

        if (strlen(text) != 17 || strspn(text, "0123456789abcdefABCDEF:") != 17 ||
            sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &bytes[0], &bytes[1], &bytes[2], &bytes[3],
                   &bytes[4], &bytes[5], &end) != 6 ||
            end != 17) {
                return config_value_refuse(value, node, NULL, NULL);
        }
        if (strspn(text, "0:") == 17) {
                return config_value_refuse(
                        value, node,
                        string_format("%s is not a valid address for an interface", text), NULL);
        }
        if (bytes[0] & 1) {
                return config_value_refuse(value, node,
                                           string_format("%s is a multicast address", text),
                                           strdup("the first byte must be even"));
        }
        *ret = string_format("%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2],
                             bytes[3], bytes[4], bytes[5]);
        return *ret ? 0 : -ENOMEM;
}

CONFIG_TEXT_KIND(config_kind_mac, check_mac, "^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$",
                 "a MAC address such as \"02:00:5e:10:00:01\"");

/* The rules of the kernel's dev_valid_name(). */
static bool interface_is_valid(const char *text)
{
        if (!text[0] || strlen(text) >= IFNAMSIZ || strcmp(text, ".") == 0 ||
            strcmp(text, "..") == 0) {
                return false;
        }
        for (; *text; text++) {
                if (*text == '/' || *text == ':' || isspace((unsigned char)*text) ||
                    iscntrl((unsigned char)*text)) {
                        return false;
                }
        }
        return true;
}

static int check_interface(const struct config_value *value, const struct config_node *node,
                           const char *text, char **ret)
{
        return interface_is_valid(text) ? keep(text, ret)
                                        : config_value_refuse(value, node, NULL, NULL);
}

CONFIG_TEXT_KIND(config_kind_interface, check_interface, "^[^/:\\s]{1,15}$",
                 "an interface name of at most 15 characters");

/* ---- Hosts: "NAME:ADDRESS" ---- */

static int check_host(const struct config_value *value, const struct config_node *node,
                      const char *text, char **ret)
{
        const char *colon = strchr(text, ':');
        size_t length = colon ? (size_t)(colon - text) : 0;
        char canonical[INET6_ADDRSTRLEN];
        _cleanup_free_ char *name = strndup(text, length);

        if (!name) {
                return -ENOMEM;
        }
        if (length == 0 || length > 253 || name[0] == '-' || name[0] == '.' ||
            strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") !=
                    length ||
            (!canonical_address(AF_INET, colon + 1, canonical) &&
             !canonical_address(AF_INET6, colon + 1, canonical))) {
                return config_value_refuse(value, node, NULL, NULL);
        }
        *ret = string_format("%s:%s", name, canonical);
        return *ret ? 0 : -ENOMEM;
}

CONFIG_TEXTS_KIND(config_kind_hosts, check_host, "^[A-Za-z0-9_][A-Za-z0-9._-]*:[0-9a-fA-F:.]+$",
                  "names with addresses: [ \"db:10.1.2.3\" ]");

/* ---- Aliases ---- */

static int check_alias(const struct config_value *value, const struct config_node *node,
                       const char *text, char **ret)
{
        size_t length = strlen(text);

        if (length == 0 || length > 64 || !isalnum((unsigned char)text[0]) ||
            strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") !=
                    length) {
                return config_value_refuse(value, node, NULL, NULL);
        }
        return keep(text, ret);
}

CONFIG_TEXTS_KIND(config_kind_aliases, check_alias, "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
                  "names of hosts with at most 64 characters: [ \"www\" ]");

/* ---- Modes ---- */

static bool target_is_valid(enum machine_network_mode mode, const char *target)
{
        switch (mode) {
        case MACHINE_NETWORK_MACHINE:
                return config_machine_name_is_valid(target);
        case MACHINE_NETWORK_PATH:
                return target[0] == '/';
        default:
                return interface_is_valid(target);
        }
}

static int parse_mode(const struct config_value *value)
{
        enum machine_network_mode *place = CONFIG_PLACE(value->base, value->key->offset);
        char **target = CONFIG_PLACE(value->base, value->key->offset_extra);

        for (const struct config_choice *choice = value->key->choices; choice->text; choice++) {
                size_t length = strcspn(choice->text, ":");
                const char *rest = value->node->string + length;

                if (strncmp(choice->text, value->node->string, length) != 0 ||
                    *rest != choice->text[length]) {
                        continue;
                }
                if (!*rest) {
                        *place = (enum machine_network_mode)choice->value;
                        return 0;
                }
                if (!target_is_valid((enum machine_network_mode)choice->value, rest + 1)) {
                        return config_value_refuse(value, value->node, NULL,
                                                   string_format("expected \"%s\"", choice->text));
                }
                *place = (enum machine_network_mode)choice->value;
                return string_replace(target, rest + 1);
        }
        return config_value_refuse(value, value->node, NULL, NULL);
}

static int emit_mode(const struct config_key *key, const void *base, json_t **ret)
{
        const enum machine_network_mode *place = CONFIG_PLACE_CONST(base, key->offset);
        char *const *target = CONFIG_PLACE_CONST(base, key->offset_extra);

        *ret = NULL;
        for (const struct config_choice *choice = key->choices; choice->text; choice++) {
                size_t length = strcspn(choice->text, ":");

                if (choice->value != (int)*place) {
                        continue;
                }
                if (!choice->text[length]) {
                        return config_emit_value(json_string(choice->text), ret);
                }
                return config_emit_value(
                        json_sprintf("%.*s:%s", (int)length, choice->text, *target), ret);
        }
        return 0;
}

const struct config_kind config_kind_network_mode = {
        .shape = CONFIG_SHAPE_STRING,
        .accepted = "a mode",
        .pattern = "^(bridge|host|none|(machine|path|macvlan|ipvlan):.+)$",
        .parse = parse_mode,
        .emit = emit_mode,
};
