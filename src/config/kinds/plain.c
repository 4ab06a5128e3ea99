/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/kinds/kind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <machine/machine.h>

#include "base/json.h"
#include "base/strings.h"

int config_emit_value(json_t *value, json_t **ret)
{
        if (!value) {
                return -ENOMEM;
        }
        *ret = value;
        return 0;
}

/* ---- Checked strings ---- */

int config_parse_text(const struct config_value *value)
{
        char **place = CONFIG_PLACE(value->base, value->key->offset);
        char *text;
        int r = value->key->kind->check(value, value->node, value->node->string, &text);

        if (r < 0) {
                return r;
        }
        free(*place);
        *place = text;
        return 0;
}

int config_emit_text(const struct config_key *key, const void *base, json_t **ret)
{
        char *const *place = CONFIG_PLACE_CONST(base, key->offset);

        *ret = NULL;
        return *place ? config_emit_value(json_string(*place), ret) : 0;
}

int config_parse_texts(const struct config_value *value)
{
        char ***place = CONFIG_PLACE(value->base, value->key->offset);
        const struct config_node *list = value->node;
        char **texts = calloc(list->child_count + 1, sizeof *texts);
        size_t n = 0;
        int r = 0;

        if (!texts) {
                return -ENOMEM;
        }
        for (size_t i = 0; i < list->child_count && r != -ENOMEM; i++) {
                const struct config_node *node = list->children[i];

                r = node->bad ? -EINVAL
                              : value->key->kind->check(value, node, node->string, &texts[n]);
                n += r == 0;
        }
        strv_free(*place);
        *place = texts;
        return r == -ENOMEM ? r : 0;
}

int config_emit_texts(const struct config_key *key, const void *base, json_t **ret)
{
        char **const *place = CONFIG_PLACE_CONST(base, key->offset);
        _cleanup_json_ json_t *array = NULL;

        *ret = NULL;
        if (!*place) {
                return 0;
        }
        array = json_array();
        STRV_FOREACH(text, *place) {
                if (json_array_append_new(array, json_string(*text)) < 0) {
                        return -ENOMEM;
                }
        }
        return config_emit_value(TAKE_PTR(array), ret);
}

int config_parse_elements(const struct config_value *value,
                          int (*add)(const struct config_value *value,
                                     const struct config_node *node))
{
        for (size_t i = 0; i < value->node->child_count; i++) {
                if (!value->node->children[i]->bad &&
                    add(value, value->node->children[i]) == -ENOMEM) {
                        return -ENOMEM;
                }
        }
        return 0;
}

int config_emit_elements(const struct config_key *key, const void *base, size_t element_size,
                         json_t *(*emit)(const struct config_key *key, const void *element),
                         json_t **ret)
{
        const char *const *elements = CONFIG_PLACE_CONST(base, key->offset);
        const size_t *count = CONFIG_PLACE_CONST(base, key->offset_extra);
        _cleanup_json_ json_t *array = NULL;

        *ret = NULL;
        if (*count == 0) {
                return 0;
        }
        array = json_array();
        for (size_t i = 0; i < *count; i++) {
                if (json_array_append_new(array, emit(key, *elements + i * element_size)) < 0) {
                        return -ENOMEM;
                }
        }
        return config_emit_value(TAKE_PTR(array), ret);
}

static int check_any(const struct config_value *value, const struct config_node *node,
                     const char *text, char **ret)
{
        char *copy = strdup(text);

        if (!copy) {
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

CONFIG_TEXT_KIND(config_kind_text, check_any, NULL, "a string");
CONFIG_TEXTS_KIND(config_kind_texts, check_any, NULL, "an array of strings: [ \"..\", \"..\" ]");

/* ---- Groups ---- */

static int parse_group(const struct config_value *value)
{
        return 0;
}

static int emit_nothing(const struct config_key *key, const void *base, json_t **ret)
{
        *ret = NULL;
        return 0;
}

const struct config_kind config_kind_group = {
        .shape = CONFIG_SHAPE_GROUP,
        .accepted = "a group: { .. }",
        .parse = parse_group,
        .emit = emit_nothing,
};

/* ---- Booleans and choices ---- */

static int parse_boolean(const struct config_value *value)
{
        bool *place = CONFIG_PLACE(value->base, value->key->offset);

        *place = value->node->boolean;
        return 0;
}

static int emit_boolean(const struct config_key *key, const void *base, json_t **ret)
{
        const bool *place = CONFIG_PLACE_CONST(base, key->offset);

        return config_emit_value(json_boolean(*place), ret);
}

const struct config_kind config_kind_boolean = {
        .shape = CONFIG_SHAPE_BOOLEAN,
        .accepted = "true or false",
        .parse = parse_boolean,
        .emit = emit_boolean,
};

static int parse_tristate(const struct config_value *value)
{
        enum machine_choice *place = CONFIG_PLACE(value->base, value->key->offset);

        if (value->node->type == CONFIG_NODE_BOOLEAN) {
                *place = value->node->boolean ? MACHINE_CHOICE_YES : MACHINE_CHOICE_NO;
                return 0;
        }
        if (strcmp(value->node->string, "auto") != 0) {
                return config_value_refuse(value, value->node, NULL, NULL);
        }
        *place = MACHINE_CHOICE_AUTO;
        return 0;
}

static int emit_tristate(const struct config_key *key, const void *base, json_t **ret)
{
        const enum machine_choice *place = CONFIG_PLACE_CONST(base, key->offset);

        if (*place == MACHINE_CHOICE_AUTO) {
                return config_emit_value(json_string("auto"), ret);
        }
        return config_emit_value(json_boolean(*place == MACHINE_CHOICE_YES), ret);
}

const struct config_kind config_kind_tristate = {
        .shape = CONFIG_SHAPE_BOOLEAN | CONFIG_SHAPE_STRING,
        .accepted = "true, false or \"auto\"",
        .pattern = "^auto$",
        .parse = parse_tristate,
        .emit = emit_tristate,
};

static int parse_choice(const struct config_value *value)
{
        int *place = CONFIG_PLACE(value->base, value->key->offset);

        for (const struct config_choice *choice = value->key->choices; choice->text; choice++) {
                if (strcmp(choice->text, value->node->string) == 0) {
                        *place = choice->value;
                        return 0;
                }
        }
        return config_value_refuse(value, value->node, NULL, NULL);
}

static int emit_choice(const struct config_key *key, const void *base, json_t **ret)
{
        const int *place = CONFIG_PLACE_CONST(base, key->offset);

        *ret = NULL;
        for (const struct config_choice *choice = key->choices; choice->text; choice++) {
                if (choice->value == *place) {
                        return config_emit_value(json_string(choice->text), ret);
                }
        }
        return 0;
}

const struct config_kind config_kind_choice = {
        .shape = CONFIG_SHAPE_STRING,
        .accepted = "one of its values",
        .parse = parse_choice,
        .emit = emit_choice,
};

static int parse_private(const struct config_value *value)
{
        bool *place = CONFIG_PLACE(value->base, value->key->offset);
        bool is_private = strcmp(value->node->string, "private") == 0;

        if (!is_private && strcmp(value->node->string, "host") != 0) {
                return config_value_refuse(value, value->node, NULL, NULL);
        }
        *place = is_private;
        return 0;
}

static int emit_private(const struct config_key *key, const void *base, json_t **ret)
{
        const bool *place = CONFIG_PLACE_CONST(base, key->offset);

        return config_emit_value(json_string(*place ? "private" : "host"), ret);
}

const struct config_kind config_kind_private = {
        .shape = CONFIG_SHAPE_STRING,
        .accepted = "\"private\" or \"host\"",
        .pattern = "^(private|host)$",
        .parse = parse_private,
        .emit = emit_private,
};
