/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/check/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/strings.h"

/* Checks of `networks`, and of the aliases in all networks, by the text of one definition. */

#define NETWORKS "networks"

/* The place of an element's key, or of the element if it lacks the key. */
static struct config_place place_of(const struct config_definition *definition, size_t index,
                                    const char *key)
{
        const struct config_node *list = config_node_lookup(definition->tree, NETWORKS);
        const struct config_node *node = list && index < list->child_count
                                                 ? config_node_find(list->children[index], key)
                                                 : NULL;

        return node ? node->value : config_definition_place(definition, NETWORKS, index);
}

static int refuse(struct config_definition *definition, size_t index, const char *key,
                  char *message, char *hint)
{
        struct config_place place = place_of(definition, index, key);

        return config_report(definition->diagnostics, DIAGNOSTIC_ERROR, &place, message, hint);
}

/* If an element could not be read, the others have no place of their own. */
static bool is_whole(const struct config_definition *definition)
{
        const struct config_node *list = config_node_lookup(definition->tree, NETWORKS);

        return list && list->child_count == definition->machine->network.further_count;
}

static bool has_link(enum machine_network_mode mode)
{
        return mode == MACHINE_NETWORK_BRIDGE || mode == MACHINE_NETWORK_MACVLAN ||
               mode == MACHINE_NETWORK_IPVLAN;
}

static int check_mode(struct config_definition *definition)
{
        const struct machine_network *network = &definition->machine->network;
        struct config_place place = config_definition_place(definition, NETWORKS, SIZE_MAX);

        if (network->further_count > MACHINE_FURTHER_NETWORKS_MAXIMUM) {
                return config_report(
                        definition->diagnostics, DIAGNOSTIC_ERROR, &place,
                        string_format("more than %d networks", MACHINE_FURTHER_NETWORKS_MAXIMUM),
                        strdup(""));
        }
        if (network->further_count == 0 || has_link(network->mode)) {
                return 0;
        }
        return config_report(definition->diagnostics, DIAGNOSTIC_ERROR, &place,
                             strdup("\"networks\" needs a machine with a link of its own"),
                             strdup("the mode of \"network\" is \"bridge\", \"macvlan:..\" or "
                                    "\"ipvlan:..\""));
}

/* A machine has one link in a network. */
static int check_names(struct config_definition *definition)
{
        const struct machine_network *network = &definition->machine->network;

        for (size_t i = 0; i < network->further_count; i++) {
                const char *name = network->further[i].name;
                struct config_place place, earlier;
                size_t k = 0;
                int r;

                if (!name) {
                        continue;
                }
                if (network->mode == MACHINE_NETWORK_BRIDGE && string_equal(name, network->name)) {
                        r = refuse(definition, i, "name",
                                   string_format("the machine joins \"%s\" by \"network\" already",
                                                 name),
                                   strdup("a machine has one link in a network"));
                        if (r < 0) {
                                return r;
                        }
                        continue;
                }
                while (k < i && !string_equal(network->further[k].name, name)) {
                        k++;
                }
                if (k == i) {
                        continue;
                }
                place = place_of(definition, i, "name");
                earlier = place_of(definition, k, "name");
                r = config_report_related(definition->diagnostics, DIAGNOSTIC_ERROR, &place,
                                          string_format("the machine joins \"%s\" twice", name),
                                          &earlier, "the first one is here");
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static size_t length_of(char *const *aliases)
{
        size_t length = 0;

        STRV_FOREACH(alias, aliases) {
                length += strlen(*alias) + 1;
        }
        return length;
}

static char *describe_length(void)
{
        return string_format("the aliases have more than %d characters in all",
                             MACHINE_ALIASES_MAXIMUM);
}

static int check_aliases(struct config_definition *definition)
{
        const struct machine_network *network = &definition->machine->network;
        struct config_place place =
                config_definition_place(definition, "network.aliases", SIZE_MAX);
        int r = 0;

        if (length_of(network->aliases) > MACHINE_ALIASES_MAXIMUM + 1) {
                r = config_report(definition->diagnostics, DIAGNOSTIC_ERROR, &place,
                                  describe_length(), strdup(""));
        }
        if (r == 0 && network->aliases && network->mode != MACHINE_NETWORK_BRIDGE) {
                r = config_report(definition->diagnostics, DIAGNOSTIC_ERROR, &place,
                                  strdup("\"aliases\" has no effect in this mode"),
                                  strdup("only mode \"bridge\" uses a network"));
        }
        for (size_t i = 0; r == 0 && i < network->further_count; i++) {
                if (length_of(network->further[i].aliases) > MACHINE_ALIASES_MAXIMUM + 1) {
                        r = refuse(definition, i, "aliases", describe_length(), strdup(""));
                }
                if (r == 0 && network->further[i].address6 && network->further[i].mtu < 1280) {
                        r = refuse(definition, i, "mtu",
                                   strdup("IPv6 needs an \"mtu\" of at least 1280"), strdup(""));
                }
        }
        return r;
}

int config_check_networks(struct config_definition *definition)
{
        int r = check_aliases(definition);

        if (r == 0) {
                r = check_mode(definition);
        }
        return r == 0 && is_whole(definition) ? check_names(definition) : r;
}
