/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>

#include "base/json.h"
#include "base/strings.h"
#include "convert/document/node.h"

/* JSON documents. Places are names of keys: the parser keeps no lines. */

/* A scalar's text, or NULL if memory is short. */
static char *scalar_text(const json_t *value)
{
        if (json_is_string(value)) {
                return strdup(json_string_value(value));
        }
        if (json_is_integer(value)) {
                return string_format("%" JSON_INTEGER_FORMAT, json_integer_value(value));
        }
        if (json_is_real(value)) {
                return string_format("%.17g", json_real_value(value));
        }
        return strdup(json_is_true(value) ? "true" : json_is_false(value) ? "false" : "");
}

static struct node *make_node(const json_t *value, const char *key, size_t *count);

static int add_members(struct node *node, const json_t *value, size_t *count)
{
        const char *name;
        json_t *member;
        size_t index;

        if (node->type == NODE_MAP) {
                json_object_foreach((json_t *)value, name, member)
                {
                        if (node_add(node, make_node(member, name, count)) < 0) {
                                return -ENOMEM;
                        }
                }
                return 0;
        }
        json_array_foreach(value, index, member)
        {
                if (node_add(node, make_node(member, NULL, count)) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

/* The library limits the depth. */
static struct node *make_node(const json_t *value, const char *key, size_t *count)
{
        enum node_type type = json_is_object(value)  ? NODE_MAP
                              : json_is_array(value) ? NODE_LIST
                                                     : NODE_SCALAR;
        struct node *node = ++*count > DOCUMENT_NODES_MAXIMUM ? NULL : node_new(type, 0);

        if (!node || string_replace(&node->key, key) < 0) {
                node_free(node);
                return NULL;
        }
        if (type == NODE_SCALAR) {
                node->null = json_is_null(value);
                node->quoted = json_is_string(value);
                node->text = scalar_text(value);
        }
        if (type == NODE_SCALAR ? !node->text : add_members(node, value, count) < 0) {
                node_free(node);
                return NULL;
        }
        return node;
}

int document_parse_json(const char *file, const char *text, size_t length, struct node **ret,
                        struct machine_error *error)
{
        json_error_t reason;
        _cleanup_json_ json_t *value = json_parse(text, length, &reason);
        size_t count = 0;

        if (!value) {
                error_say(error, EINVAL, "%s:%d: %s", file, reason.line, reason.text);
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        *ret = make_node(value, NULL, &count);
        if (!*ret && count > DOCUMENT_NODES_MAXIMUM) {
                error_say(error, E2BIG, "%s has more than %d values", file, DOCUMENT_NODES_MAXIMUM);
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        return *ret ? 0 : error_oom(error);
}
