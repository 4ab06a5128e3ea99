/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/check/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"

/* Whether the address is in the subnet "ADDRESS/PREFIX" and usable for an interface there. */
static bool is_inside(int family, const char *address, const char *subnet)
{
        const char *slash = strchr(subnet, '/');
        unsigned long prefix = strtoul(slash + 1, NULL, 10);
        size_t length = family == AF_INET ? 4 : 16;
        unsigned char a[16], b[16];
        char network[INET6_ADDRSTRLEN];
        bool host_bits = false;

        snprintf(network, sizeof network, "%.*s", (int)(slash - subnet), subnet);
        if (inet_pton(family, address, a) != 1 || inet_pton(family, network, b) != 1) {
                return false;
        }
        for (size_t bit = 0; bit < length * 8; bit++) {
                unsigned char mask = (unsigned char)(0x80 >> (bit % 8));

                if (bit < prefix && (a[bit / 8] & mask) != (b[bit / 8] & mask)) {
                        return false;
                }
                host_bits |= bit >= prefix && (a[bit / 8] & mask);
        }
        return host_bits;
}

static int check_gateway(struct config_definition *holder, int family, const char *key,
                         const char *gateway, const char *subnet_key, const char *subnet)
{
        struct config_place place;

        if (!gateway || (subnet && is_inside(family, gateway, subnet))) {
                return 0;
        }
        place = config_definition_place(holder, key, SIZE_MAX);
        return config_report(
                holder->diagnostics, DIAGNOSTIC_ERROR, &place,
                subnet ? string_format("%s is not an address of %s", gateway, subnet)
                       : string_format("\"%s\" has no effect without \"%s\"", key, subnet_key),
                NULL);
}

/* Where an address is. */
struct finding {
        struct config_definition *definition;
        const char *key;
        size_t index; /* of a list's element */
};

static int check_address(const struct finding *finding, int family, const char *address,
                         const char *subnet, const char *name)
{
        struct config_definition *definition = finding->definition;
        struct config_place place;

        if (!address || (subnet && is_inside(family, address, subnet))) {
                return 0;
        }
        place = config_definition_place(definition, finding->key, finding->index);
        return config_report(definition->diagnostics, DIAGNOSTIC_ERROR, &place,
                             subnet ? string_format("%s is not an address of network \"%s\" (%s)",
                                                    address, name, subnet)
                                    : string_format("network \"%s\" has no IPv%c", name,
                                                    family == AF_INET ? '4' : '6'),
                             strdup(""));
}

static int check_first(struct config_definition *definition,
                       const struct network_definition *network)
{
        const struct machine_network *settings = &definition->machine->network;
        const struct finding four = { definition, "network.address", SIZE_MAX };
        const struct finding six = { definition, "network.address6", SIZE_MAX };
        int r = check_address(&four, AF_INET, settings->address, network->subnet, settings->name);

        return r < 0 ? r
                     : check_address(&six, AF_INET6, settings->address6, network->subnet6,
                                     settings->name);
}

static int check_further(struct config_definition *definition, size_t index,
                         const struct network_definition *network)
{
        const struct machine_further_network *settings =
                &definition->machine->network.further[index];
        const struct finding finding = { definition, "networks", index };
        int r = check_address(&finding, AF_INET, settings->address, network->subnet,
                              settings->name);

        return r < 0 ? r
                     : check_address(&finding, AF_INET6, settings->address6, network->subnet6,
                                     settings->name);
}

int config_check_addresses(struct config_definition *definition,
                           const struct network_definition *network)
{
        const struct machine_network *settings = &definition->machine->network;
        int r = settings->mode == MACHINE_NETWORK_BRIDGE &&
                                string_equal(settings->name, network->name)
                        ? check_first(definition, network)
                        : 0;

        for (size_t i = 0; r == 0 && i < settings->further_count; i++) {
                if (string_equal(settings->further[i].name, network->name)) {
                        r = check_further(definition, i, network);
                }
        }
        return r;
}

int config_check_network(struct config_definition *holder, const struct network_definition *network)
{
        struct config_place place = config_definition_place(holder, "mtu", SIZE_MAX);
        int r = check_gateway(holder, AF_INET, "gateway", network->gateway, "subnet",
                              network->subnet);

        r = r < 0 ? r
                  : check_gateway(holder, AF_INET6, "gateway6", network->gateway6, "subnet6",
                                  network->subnet6);
        if (r == 0 && network->subnet6 && network->mtu < 1280) {
                r = config_report(holder->diagnostics, DIAGNOSTIC_ERROR, &place,
                                  strdup("IPv6 needs an \"mtu\" of at least 1280"), NULL);
        }
        return r;
}
