/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/read/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct config_node *config_node_new(enum config_node_type type)
{
        struct config_node *node = calloc(1, sizeof *node);

        if (node) {
                node->type = type;
        }
        return node;
}

/* The scanner limits the depth of trees, so recursion is bounded. */
void config_node_free(struct config_node *node)
{
        if (!node) {
                return;
        }
        for (size_t i = 0; i < node->child_count; i++) {
                config_node_free(node->children[i]);
        }
        free(node->children);
        free(node->name);
        free(node->string);
        free(node);
}

int config_node_add(struct config_node *parent, struct config_node *child)
{
        size_t n = parent->child_count;

        if (!child) {
                return -ENOMEM;
        }
        /* Grown in powers of two, whenever the count is one. */
        if ((n & (n - 1)) == 0) {
                struct config_node **grown;

                grown = reallocarray(parent->children, n ? n * 2 : 1, sizeof(struct config_node *));
                if (!grown) {
                        config_node_free(child);
                        return -ENOMEM;
                }
                parent->children = grown;
        }
        parent->children[n] = child;
        parent->child_count++;
        return 0;
}

struct config_node *config_node_find(const struct config_node *group, const char *name)
{
        for (size_t i = 0; i < group->child_count; i++) {
                struct config_node *child = group->children[i];

                if (child->name && strcmp(child->name, name) == 0) {
                        return child;
                }
        }
        return NULL;
}

struct config_node *config_node_take(struct config_node *group, const char *name)
{
        struct config_node *child = config_node_find(group, name);
        size_t i = 0;

        if (!child) {
                return NULL;
        }
        while (group->children[i] != child) {
                i++;
        }
        group->child_count--;
        memmove(&group->children[i], &group->children[i + 1],
                (group->child_count - i) * sizeof(struct config_node *));
        return child;
}

struct config_node *config_node_lookup(const struct config_node *root, const char *key)
{
        for (;;) {
                size_t length = strcspn(key, ".");
                const struct config_node *found = NULL;

                for (size_t i = 0; i < root->child_count && !found; i++) {
                        const char *name = root->children[i]->name;

                        if (name && strlen(name) == length && memcmp(name, key, length) == 0) {
                                found = root->children[i];
                        }
                }
                if (!found || !key[length]) {
                        return (struct config_node *)found;
                }
                root = found;
                key += length + 1;
        }
}

static int append_children(struct config_node *into, struct config_node *from)
{
        for (size_t i = 0; i < from->child_count; i++) {
                int r = config_node_add(into, TAKE_PTR(from->children[i]));

                if (r < 0) {
                        return r;
                }
        }
        into->key = from->key;
        into->value = from->value;
        return 0;
}

static int merge_child(struct config_node *into, struct config_node *child)
{
        for (size_t i = 0; i < into->child_count; i++) {
                struct config_node *present = into->children[i];

                if (!present->name || strcmp(present->name, child->name) != 0) {
                        continue;
                }
                if (present->type == CONFIG_NODE_GROUP && child->type == CONFIG_NODE_GROUP) {
                        present->key = child->key;
                        present->value = child->value;
                        return config_node_merge(present, child);
                }
                if (present->type == CONFIG_NODE_LIST && child->append) {
                        _cleanup_config_node_ struct config_node *owned = child;

                        return append_children(present, owned);
                }
                config_node_free(present);
                into->children[i] = child;
                return 0;
        }
        return config_node_add(into, child);
}

int config_node_merge(struct config_node *into, struct config_node *from)
{
        int r = 0;

        for (size_t i = 0; i < from->child_count && r == 0; i++) {
                r = merge_child(into, TAKE_PTR(from->children[i]));
        }
        config_node_free(from);
        return r;
}

const char *config_node_type_name(const struct config_node *node)
{
        static const char *const names[] = {
                [CONFIG_NODE_GROUP] = "a group",
                [CONFIG_NODE_LIST] = "a list",
                [CONFIG_NODE_STRING] = "a string",
                [CONFIG_NODE_INTEGER] = "a number",
                [CONFIG_NODE_FLOAT] = "a number with a decimal point",
                [CONFIG_NODE_BOOLEAN] = "a boolean",
        };

        return names[node->type];
}
