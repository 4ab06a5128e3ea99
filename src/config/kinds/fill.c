/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/kinds/fill.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "base/suggest.h"

const struct config_key *config_key_find(const struct config_table *table, const char *name)
{
        for (size_t i = 0; i < table->count; i++) {
                if (strcmp(table->keys[i].name, name) == 0) {
                        return &table->keys[i];
                }
        }
        return NULL;
}

static char *show_value(const struct config_node *node)
{
        switch (node->type) {
        case CONFIG_NODE_STRING:
                return string_format("\"%.80s\"", node->string);
        case CONFIG_NODE_INTEGER:
                return string_format("%lld", node->integer);
        case CONFIG_NODE_BOOLEAN:
                return strdup(node->boolean ? "true" : "false");
        default:
                return strdup(config_node_type_name(node));
        }
}

/* The accepted values: the choices if there are any, otherwise those of the kind. */
static char *accepted_text(const struct config_key *key)
{
        char *text;

        if (!key->choices) {
                return string_format("expected %s%s", key->kind->accepted,
                                     key->flags & CONFIG_UNLIMITED ? ", or \"max\"" : "");
        }
        text = strdup("expected ");
        for (const struct config_choice *choice = key->choices; text && choice->text; choice++) {
                char *longer = string_format("%s%s\"%s\"", text, choice == key->choices ? "" : ", ",
                                             choice->text);

                free(text);
                text = longer;
        }
        return text;
}

static char *choice_hint(const struct config_key *key, const struct config_node *node)
{
        struct suggestion best = SUGGESTION_INIT;

        if (node->type == CONFIG_NODE_STRING && key->choices) {
                for (const struct config_choice *choice = key->choices; choice->text; choice++) {
                        suggest(&best, node->string, choice->text);
                }
        }
        return best.word ? string_format("did you mean \"%s\"?", best.word) : accepted_text(key);
}

int config_value_refuse(const struct config_value *value, const struct config_node *node,
                        char *message, char *hint)
{
        int r;

        if (!message) {
                _cleanup_free_ char *shown = show_value(node);

                message = shown ? string_format("%s is not a valid value for \"%s\"", shown,
                                                value->name)
                                : NULL;
        }
        if (!hint) {
                hint = choice_hint(value->key, node);
        }
        r = config_report(value->fill->diagnostics, DIAGNOSTIC_ERROR, &node->value, message, hint);
        return r < 0 ? r : -EINVAL;
}

static int add_origin(const struct config_fill *fill, const char *name,
                      const struct config_place *place)
{
        size_t n = *fill->origin_count;
        struct machine_origin *grown = reallocarray(*fill->origins, n + 1, sizeof *grown);

        if (!grown) {
                return -ENOMEM;
        }
        *fill->origins = grown;
        grown[n] = (struct machine_origin){
                .key = strdup(name),
                .file = strdup(place->source->name),
                .line = place->line,
        };
        (*fill->origin_count)++;
        return grown[n].key && grown[n].file ? 0 : -ENOMEM;
}

/* Elements of a list that come from several files have origins of their own, "environment[0]". */
static int add_element_origins(const struct config_fill *fill, const char *name,
                               const struct config_node *node)
{
        bool several = false;

        for (size_t i = 1; i < node->child_count; i++) {
                several = several ||
                          node->children[i]->value.source != node->children[0]->value.source;
        }
        for (size_t i = 0; several && i < node->child_count; i++) {
                char element[160];
                int r;

                snprintf(element, sizeof element, "%s[%zu]", name, i);
                r = add_origin(fill, element, &node->children[i]->value);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

/* ---- Unknown keys ---- */

/* The part of a full name after the group's name and a dot, if the key is a direct member, or NULL.
 */
static const char *member_of(const char *name, const char *group)
{
        const char *member = group[0] ? string_after(name, group) : name;

        if (member && group[0]) {
                member = member[0] == '.' ? member + 1 : NULL;
        }
        return member && !strchr(member, '.') ? member : NULL;
}

/* A key of a group is often written at the top level, and vice versa. Groups are not searched for.
 */
static const struct config_key *find_elsewhere(const struct config_table *table,
                                               const struct config_node *node)
{
        for (size_t i = 0; i < table->count; i++) {
                const struct config_key *key = &table->keys[i];
                const char *point = strrchr(key->name, '.');

                if (strcmp(point ? point + 1 : key->name, node->name) == 0 &&
                    (node->type == CONFIG_NODE_GROUP) == (key->kind->shape == CONFIG_SHAPE_GROUP)) {
                        return key;
                }
        }
        return NULL;
}

static char *hint_for_unknown(const struct config_table *table, const char *group,
                              const struct config_node *node)
{
        struct suggestion best = SUGGESTION_INIT;
        const struct config_key *elsewhere = find_elsewhere(table, node);

        if (elsewhere) {
                return strchr(elsewhere->name, '.')
                               ? string_format(
                                         "it belongs in \"%.*s\"",
                                         (int)(strrchr(elsewhere->name, '.') - elsewhere->name),
                                         elsewhere->name)
                               : string_format("it belongs at the top level, outside of \"%s\"",
                                               group);
        }
        for (size_t i = 0; i < table->count; i++) {
                const char *member = member_of(table->keys[i].name, group);

                if (member) {
                        suggest(&best, node->name, member);
                }
        }
        if (best.word) {
                return string_format("did you mean \"%s\"?", best.word);
        }
        return NULL;
}

static int refuse_unknown(const struct config_fill *fill, const struct config_table *table,
                          const char *group, const struct config_node *node)
{
        const char *where = group[0] ? group : table == fill->table ? "" : table->name;

        return config_report(
                fill->diagnostics, DIAGNOSTIC_ERROR, &node->key,
                where[0] ? string_format("unknown key \"%s\" in \"%s\"", node->name, where)
                         : string_format("unknown key \"%s\"", node->name),
                hint_for_unknown(table, group, node));
}

/* ---- Shapes ---- */

static bool all_of_type(const struct config_node *node, enum config_node_type type)
{
        for (size_t i = 0; i < node->child_count; i++) {
                if (node->children[i]->type != type) {
                        return false;
                }
        }
        return true;
}

static bool has_shape(const struct config_node *node, unsigned int shape)
{
        switch (node->type) {
        case CONFIG_NODE_GROUP:
                return shape & CONFIG_SHAPE_GROUP;
        case CONFIG_NODE_STRING:
                return shape & CONFIG_SHAPE_STRING;
        case CONFIG_NODE_INTEGER:
                return shape & CONFIG_SHAPE_INTEGER;
        case CONFIG_NODE_BOOLEAN:
                return shape & CONFIG_SHAPE_BOOLEAN;
        case CONFIG_NODE_LIST:
                return ((shape & CONFIG_SHAPE_STRINGS) && all_of_type(node, CONFIG_NODE_STRING)) ||
                       ((shape & CONFIG_SHAPE_GROUPS) && all_of_type(node, CONFIG_NODE_GROUP));
        default:
                return false;
        }
}

static const char *shape_name(const struct config_key *key)
{
        static const struct {
                unsigned int shape;
                const char *name;
        } names[] = {
                { CONFIG_SHAPE_GROUP, "a group: { .. }" },
                { CONFIG_SHAPE_GROUPS, "a list of groups: ( { .. } )" },
                { CONFIG_SHAPE_STRINGS, "an array of strings: [ \"..\" ]" },
                { CONFIG_SHAPE_BOOLEAN | CONFIG_SHAPE_STRING, "a boolean or a string" },
                { CONFIG_SHAPE_BOOLEAN, "true or false, without quotes" },
                { CONFIG_SHAPE_INTEGER | CONFIG_SHAPE_STRING, "a number or a string" },
                { CONFIG_SHAPE_INTEGER, "a number" },
                { CONFIG_SHAPE_STRING, "a string" },
        };

        for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
                if ((key->kind->shape & names[i].shape) == names[i].shape) {
                        return names[i].name;
                }
        }
        return "another type";
}

/* The first element of a list that has the wrong type for the key, or NULL: the element is
 * reported, not the list. */
static const struct config_node *find_odd_element(const struct config_value *value,
                                                  enum config_node_type *ret_wanted)
{
        unsigned int shape = value->key->kind->shape;

        if (value->node->type != CONFIG_NODE_LIST ||
            !(shape & (CONFIG_SHAPE_STRINGS | CONFIG_SHAPE_GROUPS))) {
                return NULL;
        }
        *ret_wanted = shape & CONFIG_SHAPE_STRINGS ? CONFIG_NODE_STRING : CONFIG_NODE_GROUP;
        for (size_t i = 0; i < value->node->child_count; i++) {
                if (value->node->children[i]->type != *ret_wanted) {
                        return value->node->children[i];
                }
        }
        return NULL;
}

static int refuse_shape(const struct config_value *value)
{
        const struct config_key *key = value->key;
        enum config_node_type wanted;
        const struct config_node *odd = find_odd_element(value, &wanted);
        char *message = odd ? string_format("an element of \"%s\" is %s, not %s", value->name,
                                            wanted == CONFIG_NODE_STRING ? "a string" : "a group",
                                            config_node_type_name(odd))
                            : string_format("\"%s\" is %s, not %s", value->name, shape_name(key),
                                            config_node_type_name(value->node));
        char *hint = key->example
                             ? string_format("write %s = %s;",
                                             strrchr(key->name, '.') ? strrchr(key->name, '.') + 1
                                                                     : key->name,
                                             key->example)
                             : NULL;

        return config_value_refuse(value, odd ? odd : value->node, message,
                                   hint ? hint : strdup(""));
}

/* ---- The walk ---- */

static int fill_group(const struct config_fill *fill, const struct config_table *table,
                      const struct config_node *group, const char *prefix, void *base);

static int fill_value(const struct config_value *value)
{
        int r;

        if (value->node->bad) {
                return 0;
        }
        if (!has_shape(value->node, value->key->kind->shape)) {
                r = refuse_shape(value);
        } else if ((value->key->flags & CONFIG_NOT_EMPTY) &&
                   ((value->node->type == CONFIG_NODE_LIST && value->node->child_count == 0) ||
                    (value->node->type == CONFIG_NODE_STRING && !value->node->string[0]))) {
                r = config_value_refuse(value, value->node,
                                        string_format("\"%s\" is empty", value->name), NULL);
        } else {
                r = value->key->kind->parse(value);
        }
        return r == -EINVAL ? 0 : r;
}

static int fill_member(const struct config_fill *fill, const struct config_table *table,
                       const struct config_node *node, const char *prefix, void *base)
{
        char name[128];
        const struct config_key *key = NULL;
        int length =
                snprintf(name, sizeof name, "%s%s%s", prefix, prefix[0] ? "." : "", node->name);
        int r;

        if (strncmp(node->name, "x-", 2) == 0) {
                return 0;
        }
        if (length > 0 && (size_t)length < sizeof name) {
                key = config_key_find(table, name);
        }
        if (!key) {
                return refuse_unknown(fill, table, prefix, node);
        }
        if (key->kind->shape == CONFIG_SHAPE_GROUP && node->type == CONFIG_NODE_GROUP) {
                return fill_group(fill, table, node, name, base);
        }
        if (table == fill->table) {
                r = add_origin(fill, name, &node->key);
                r = r < 0 ? r : add_element_origins(fill, name, node);
                if (r < 0) {
                        return r;
                }
        } else {
                snprintf(name, sizeof name, "%s.%s", table->name, key->name);
        }
        return fill_value(&(struct config_value){
                .fill = (struct config_fill *)fill,
                .key = key,
                .name = name,
                .node = node,
                .base = base,
        });
}

static int fill_group(const struct config_fill *fill, const struct config_table *table,
                      const struct config_node *group, const char *prefix, void *base)
{
        for (size_t i = 0; i < group->child_count; i++) {
                int r = fill_member(fill, table, group->children[i], prefix, base);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

int config_fill(const struct config_fill *fill, const struct config_node *root, void *base)
{
        return fill_group(fill, fill->table, root, "", base);
}

static int check_required(const struct config_value *value, const struct config_node *element)
{
        const struct config_table *table = value->key->elements;

        for (size_t i = 0; i < table->count; i++) {
                if ((table->keys[i].flags & CONFIG_REQUIRED) &&
                    !config_node_find(element, table->keys[i].name)) {
                        int r = config_value_refuse(
                                value, element,
                                string_format("an element of \"%s\" has no \"%s\"", value->name,
                                              table->keys[i].name),
                                strdup(""));

                        if (r == -ENOMEM) {
                                return r;
                        }
                }
        }
        return 0;
}

/* In the order of the table: the meaning of `source` depends on `type`, which may follow it. */
static int fill_element(const struct config_value *value, const struct config_node *element,
                        void *base)
{
        const struct config_table *table = value->key->elements;
        int r = 0;

        for (size_t i = 0; i < table->count && r == 0; i++) {
                const struct config_node *node = config_node_find(element, table->keys[i].name);

                r = node ? fill_member(value->fill, table, node, "", base) : 0;
        }
        for (size_t i = 0; i < element->child_count && r == 0; i++) {
                const struct config_node *node = element->children[i];

                r = config_key_find(table, node->name)
                            ? 0
                            : fill_member(value->fill, table, node, "", base);
        }
        return r;
}

int config_fill_element(const struct config_value *value, const struct config_node *element,
                        void *base)
{
        int r = check_required(value, element);

        return r < 0 ? r : fill_element(value, element, base);
}
