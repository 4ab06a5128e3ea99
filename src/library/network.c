/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <machine/network.h>

#include <stdlib.h>
#include <string.h>

struct network_definition *network_definition_new(const char *name)
{
        struct network_definition *network = calloc(1, sizeof *network);

        if (!network) {
                return NULL;
        }
        network->mtu = MACHINE_UNSET;
        network->name = strdup(name);
        if (!network->name) {
                free(network);
                return NULL;
        }
        return network;
}

void network_definition_free(struct network_definition *network)
{
        if (!network) {
                return;
        }
        free(network->name);
        free(network->definition);
        free(network->bridge);
        free(network->subnet);
        free(network->subnet6);
        free(network->gateway);
        free(network->gateway6);
        for (size_t i = 0; i < network->origin_count; i++) {
                free(network->origins[i].key);
                free(network->origins[i].file);
        }
        free(network->origins);
        free(network);
}
