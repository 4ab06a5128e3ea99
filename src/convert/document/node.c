/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "convert/document/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/strings.h"

struct node *node_new(enum node_type type, unsigned int line)
{
        struct node *node = calloc(1, sizeof *node);

        if (node) {
                node->type = type;
                node->line = line;
        }
        return node;
}

/* The parsers limit the depth. */
void node_free(struct node *node)
{
        if (!node) {
                return;
        }
        for (size_t i = 0; i < node->count; i++) {
                node_free(node->children[i]);
        }
        free(node->children);
        free(node->key);
        free(node->text);
        free(node);
}

int node_add(struct node *parent, struct node *child)
{
        struct node **grown;

        if (!child) {
                return -ENOMEM;
        }
        /* Grows by doubling: lists can be long. */
        if ((parent->count & (parent->count - 1)) == 0) {
                grown = reallocarray(parent->children, parent->count ? parent->count * 2 : 1,
                                     sizeof *grown);
                if (!grown) {
                        node_free(child);
                        return -ENOMEM;
                }
                parent->children = grown;
        }
        parent->children[parent->count++] = child;
        return 0;
}

int node_add_text(struct node *parent, const char *key, const char *text, unsigned int line)
{
        struct node *child = node_new(NODE_SCALAR, line);

        if (child &&
            (string_replace(&child->key, key) < 0 || string_replace(&child->text, text) < 0)) {
                node_free(child);
                return -ENOMEM;
        }
        return node_add(parent, child);
}

struct node *node_copy(const struct node *node, size_t *count)
{
        struct node *copy =
                ++*count > DOCUMENT_NODES_MAXIMUM ? NULL : node_new(node->type, node->line);

        if (!copy) {
                return NULL;
        }
        copy->null = node->null;
        copy->quoted = node->quoted;
        if (string_replace(&copy->key, node->key) < 0 ||
            string_replace(&copy->text, node->text) < 0) {
                node_free(copy);
                return NULL;
        }
        for (size_t i = 0; i < node->count; i++) {
                if (node_add(copy, node_copy(node->children[i], count)) < 0) {
                        node_free(copy);
                        return NULL;
                }
        }
        return copy;
}

struct node *node_find(const struct node *map, const char *key)
{
        for (size_t i = 0; map && map->type == NODE_MAP && i < map->count; i++) {
                if (string_equal(map->children[i]->key, key)) {
                        return map->children[i];
                }
        }
        return NULL;
}

struct node *node_find_last(const struct node *map, const char *key)
{
        for (size_t i = map && map->type == NODE_MAP ? map->count : 0; i > 0; i--) {
                if (string_equal(map->children[i - 1]->key, key)) {
                        return map->children[i - 1];
                }
        }
        return NULL;
}

const char *node_text(const struct node *map, const char *key)
{
        const struct node *node = node_find_last(map, key);

        return node && node->type == NODE_SCALAR && !node->null ? node->text : NULL;
}

bool node_is_true(const struct node *node)
{
        static const char *const words[] = { "true", "yes", "on", "y", "t", "1" };

        for (size_t i = 0; node && node->type == NODE_SCALAR && i < ELEMENTS_OF(words); i++) {
                if (node->text && strcasecmp(node->text, words[i]) == 0) {
                        return true;
                }
        }
        return false;
}

int document_read(const char *path, char **ret, size_t *ret_length, struct machine_error *error)
{
        size_t length;
        int r = file_read_text(path, DOCUMENT_SIZE_MAXIMUM, ret, &length);

        if (r < 0) {
                return file_explain(r, "the source", path, error);
        }
        if (memchr(*ret, '\0', length)) {
                free(TAKE_PTR(*ret));
                error_say(error, EINVAL, "%s is not a text file", path);
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        if (ret_length) {
                *ret_length = length;
        }
        return 0;
}
