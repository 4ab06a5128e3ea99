/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/keys/schema.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/json.h"
#include "base/strings.h"
#include "config/kinds/kind.h"

#define SCHEMA_VERSION "https://json-schema.org/draft/2020-12/schema"

static json_t *object_schema(const struct config_table *table, const char *group);

/* Keys that begin with "x-" are reserved for users, in every group. */
static int set_closed(json_t *schema)
{
        json_t *own = json_pack("{s:{}}", "^x-");

        if (json_set_value(schema, "patternProperties", own) < 0) {
                return -ENOMEM;
        }
        return json_set_value(schema, "additionalProperties", json_false());
}

static json_t *choices_json(const struct config_choice *choice)
{
        _cleanup_json_ json_t *array = json_array();

        for (; array && choice->text; choice++) {
                if (json_array_append_new(array, json_string(choice->text)) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(array);
}

static int describe_string(json_t *schema, const struct config_key *key)
{
        if (key->kind->pattern) {
                return json_set_string(schema, "pattern", key->kind->pattern);
        }
        if (key->choices) {
                return json_set_value(schema, "enum", choices_json(key->choices));
        }
        if (key->flags & CONFIG_NOT_EMPTY) {
                return json_set_value(schema, "minLength", json_integer(1));
        }
        return 0;
}

static int describe_integer(json_t *schema, const struct config_key *key)
{
        bool is_signed = key->kind == &config_kind_signed;
        json_int_t minimum =
                is_signed ? (json_int_t)(int64_t)key->minimum : (json_int_t)key->minimum;
        json_int_t maximum =
                key->maximum && key->maximum <= INT_MAX ? (json_int_t)key->maximum : INT_MAX;

        if (json_set_value(schema, "minimum", json_integer(minimum)) < 0) {
                return -ENOMEM;
        }
        return json_set_value(schema, "maximum", json_integer(maximum));
}

static int describe_list(json_t *schema, const struct config_key *key)
{
        json_t *items;

        if (key->kind->shape & CONFIG_SHAPE_GROUPS) {
                items = object_schema(key->elements, "");
        } else {
                items = json_pack("{s:s}", "type", "string");
                if (items && key->kind->pattern &&
                    json_set_string(items, "pattern", key->kind->pattern) < 0) {
                        json_decref(items);
                        return -ENOMEM;
                }
        }
        if ((key->flags & CONFIG_NOT_EMPTY) &&
            json_set_value(schema, "minItems", json_integer(1)) < 0) {
                json_decref(items);
                return -ENOMEM;
        }
        return json_set_value(schema, "items", items);
}

static int set_types(json_t *schema, unsigned int shape)
{
        static const struct {
                unsigned int shape;
                const char *type;
        } types[] = {
                { CONFIG_SHAPE_STRING, "string" },   { CONFIG_SHAPE_INTEGER, "integer" },
                { CONFIG_SHAPE_BOOLEAN, "boolean" }, { CONFIG_SHAPE_STRINGS, "array" },
                { CONFIG_SHAPE_GROUPS, "array" },
        };
        json_t *array = json_array();

        for (size_t i = 0; i < ELEMENTS_OF(types); i++) {
                if ((shape & types[i].shape) &&
                    json_array_append_new(array, json_string(types[i].type)) < 0) {
                        json_decref(array);
                        return -ENOMEM;
                }
        }
        if (array && json_array_size(array) == 1) {
                json_t *only = json_incref(json_array_get(array, 0));

                json_decref(array);
                return json_set_value(schema, "type", only);
        }
        return json_set_value(schema, "type", array);
}

static int set_description(json_t *schema, const struct config_key *key)
{
        _cleanup_free_ char *text =
                key->default_text ? string_format("%s Default: %s.", key->help, key->default_text)
                                  : strdup(key->help);

        return text ? json_set_string(schema, "description", text) : -ENOMEM;
}

static json_t *key_schema(const struct config_table *table, const struct config_key *key)
{
        _cleanup_json_ json_t *schema = NULL;
        unsigned int shape = key->kind->shape;
        int r;

        if (shape == CONFIG_SHAPE_GROUP) {
                schema = object_schema(table, key->name);
                return schema && set_description(schema, key) == 0 ? TAKE_PTR(schema) : NULL;
        }
        schema = json_object();
        r = schema ? set_types(schema, shape) : -ENOMEM;
        if (r == 0 && (shape & CONFIG_SHAPE_STRING)) {
                r = describe_string(schema, key);
        }
        if (r == 0 && (shape & CONFIG_SHAPE_INTEGER)) {
                r = describe_integer(schema, key);
        }
        if (r == 0 && (shape & (CONFIG_SHAPE_STRINGS | CONFIG_SHAPE_GROUPS))) {
                r = describe_list(schema, key);
        }
        r = r < 0 ? r : set_description(schema, key);
        return r < 0 ? NULL : TAKE_PTR(schema);
}

/* The name of a direct member of the group, or NULL. */
static const char *member_of(const char *name, const char *group)
{
        size_t length = strlen(group);

        if (length) {
                if (strncmp(name, group, length) != 0 || name[length] != '.') {
                        return NULL;
                }
                name += length + 1;
        }
        return strchr(name, '.') ? NULL : name;
}

/* The group `append` has the arrays and lists of all groups. NULL when memory is short. */
static json_t *append_schema(const struct config_table *table, const char *group)
{
        _cleanup_json_ json_t *schema = json_pack("{s:s}", "type", "object");
        json_t *properties = json_object();
        int r = 0;

        for (size_t i = 0; i < table->count && r == 0; i++) {
                const struct config_key *key = &table->keys[i];
                const char *member = member_of(key->name, group);
                json_t *inner = NULL;

                if (member && key->kind->shape == CONFIG_SHAPE_GROUP) {
                        inner = append_schema(table, key->name);
                        r = inner ? 0 : -ENOMEM;
                } else if (member &&
                           (key->kind->shape & (CONFIG_SHAPE_STRINGS | CONFIG_SHAPE_GROUPS))) {
                        inner = key_schema(table, key);
                        r = inner ? 0 : -ENOMEM;
                }
                if (inner && json_object_size(json_object_get(inner, "properties")) == 0 &&
                    key->kind->shape == CONFIG_SHAPE_GROUP) {
                        json_decref(inner);
                } else if (inner) {
                        r = json_set_value(properties, member, inner);
                }
        }
        if (json_set_value(schema, "properties", properties) < 0) {
                r = -ENOMEM;
        }
        return r == 0 && set_closed(schema) == 0 ? TAKE_PTR(schema) : NULL;
}

/* At the top level only. */
static int add_append(json_t *schema, const struct config_table *table)
{
        json_t *append = append_schema(table, "");

        if (append &&
            json_set_string(append, "description",
                            "Arrays and lists whose elements are added to those of earlier "
                            "files, instead of replacing them.") < 0) {
                json_decref(append);
                return -ENOMEM;
        }
        return json_set_value(json_object_get(schema, "properties"), "append", append);
}

static json_t *object_schema(const struct config_table *table, const char *group)
{
        _cleanup_json_ json_t *schema = json_pack("{s:s}", "type", "object");
        json_t *properties = json_object(), *required = json_array();
        int r = 0;

        for (size_t i = 0; i < table->count && r == 0; i++) {
                const struct config_key *key = &table->keys[i];
                const char *member = member_of(key->name, group);

                if (!member) {
                        continue;
                }
                r = json_set_value(properties, member, key_schema(table, key));
                if (r == 0 && (key->flags & CONFIG_REQUIRED)) {
                        r = json_array_append_new(required, json_string(member));
                }
        }
        if (json_set_value(schema, "properties", properties) < 0) {
                r = -ENOMEM;
        }
        if (json_array_size(required) > 0) {
                r = json_set_value(schema, "required", json_incref(required)) < 0 ? -ENOMEM : r;
        }
        json_decref(required);
        return r == 0 && set_closed(schema) == 0 ? TAKE_PTR(schema) : NULL;
}

json_t *config_schema(const struct config_table *table)
{
        _cleanup_json_ json_t *schema = object_schema(table, "");
        _cleanup_free_ char *title = string_format("Definition of a %s", table->name);

        if (!schema || !title || json_set_string(schema, "$schema", SCHEMA_VERSION) < 0 ||
            json_set_string(schema, "title", title) < 0 || add_append(schema, table) < 0) {
                return NULL;
        }
        if (table == &config_machine_table) {
                json_t *one_of = json_pack("[{s:[s]},{s:[s]},{s:[s]}]", "required", "rootfs",
                                           "required", "overlay", "required", "image");

                if (json_set_value(schema, "oneOf", one_of) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(schema);
}
