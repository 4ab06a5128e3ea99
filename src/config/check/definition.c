/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/check/definition.h"

#include <stdlib.h>

#include "base/strings.h"

void config_definition_free(struct config_definition *definition)
{
        if (!definition) {
                return;
        }
        config_node_free(definition->tree);
        machine_free(definition->machine);
        config_loader_clear(&definition->loader);
        strv_free(definition->directories);
        free(definition);
}

bool config_definition_gives(const struct config_definition *definition, const char *key)
{
        return machine_origin_of(definition->machine, key) != NULL;
}

struct config_place config_definition_place(const struct config_definition *definition,
                                            const char *key, size_t index)
{
        const struct config_node *node = key[0] ? config_node_lookup(definition->tree, key) : NULL;

        if (!node) {
                return definition->tree->value;
        }
        if (index != SIZE_MAX && index < node->child_count) {
                return node->children[index]->value;
        }
        return index == SIZE_MAX && node->key.source ? node->key : node->value;
}
