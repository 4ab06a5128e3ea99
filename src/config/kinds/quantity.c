/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/kinds/kind.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <machine/machine.h>

#include "base/process/signal_name.h"
#include "base/quantity.h"
#include "base/strings.h"

static bool is_unlimited(const char *text)
{
        static const char *const words[] = { "max", "unlimited", "infinity" };

        for (size_t i = 0; i < ELEMENTS_OF(words); i++) {
                if (strcmp(text, words[i]) == 0) {
                        return true;
                }
        }
        return false;
}

/* Reports a refused number with a message for each reason. */
static int refuse_number(const struct config_value *value, int reason)
{
        const char *text = value->node->string;

        if (reason == -ERANGE) {
                return config_value_refuse(
                        value, value->node,
                        string_format("\"%.80s\" is too large for \"%s\"", text, value->name),
                        NULL);
        }
        if (text && text[0] == '-') {
                return config_value_refuse(
                        value, value->node,
                        string_format("\"%.80s\" is negative, but \"%s\" cannot be", text,
                                      value->name),
                        NULL);
        }
        return config_value_refuse(value, value->node, NULL, NULL);
}

/* The accepted range in the notation of the key's kind. */
static char *range_hint(const struct config_key *key)
{
        char low[32], high[32];

        if (key->kind == &config_kind_size) {
                quantity_format_size_exact(key->minimum, low);
                quantity_format_size_exact(key->maximum, high);
        } else if (key->kind == &config_kind_time) {
                quantity_format_time_exact(key->minimum, low);
                quantity_format_time_exact(key->maximum, high);
        } else {
                snprintf(low, sizeof low, "%" PRIu64, key->minimum);
                snprintf(high, sizeof high, "%" PRIu64, key->maximum);
        }
        return key->maximum ? string_format("expected %s to %s", low, high)
                            : string_format("expected at least %s", low);
}

static int keep_number(const struct config_value *value, uint64_t number)
{
        const struct config_key *key = value->key;
        uint64_t *place = CONFIG_PLACE(value->base, key->offset);

        if (number < key->minimum || (key->maximum && number > key->maximum)) {
                const struct config_node *node = value->node;
                char *message = node->type == CONFIG_NODE_STRING
                                        ? string_format("\"%.80s\" is out of range for \"%s\"",
                                                        node->string, value->name)
                                        : string_format("%lld is out of range for \"%s\"",
                                                        node->integer, value->name);

                return config_value_refuse(value, node, message, range_hint(key));
        }
        *place = number;
        return 0;
}

static int parse_quantity(const struct config_value *value,
                          int (*parse)(const char *text, uint64_t *ret))
{
        uint64_t number;
        int r;

        if ((value->key->flags & CONFIG_UNLIMITED) && is_unlimited(value->node->string)) {
                *(uint64_t *)CONFIG_PLACE(value->base, value->key->offset) = MACHINE_UNLIMITED;
                return 0;
        }
        r = parse(value->node->string, &number);
        return r < 0 ? refuse_number(value, r) : keep_number(value, number);
}

static int emit_quantity(const struct config_key *key, const void *base,
                         void (*format)(uint64_t number, char text[static 32]), json_t **ret)
{
        const uint64_t *place = CONFIG_PLACE_CONST(base, key->offset);
        char text[32];

        *ret = NULL;
        if (*place == MACHINE_UNSET) {
                return 0;
        }
        if (*place == MACHINE_UNLIMITED) {
                return config_emit_value(json_string("max"), ret);
        }
        format(*place, text);
        return config_emit_value(json_string(text), ret);
}

/* ---- Plain numbers ---- */

static int parse_number(const struct config_value *value)
{
        const struct config_node *node = value->node;

        if (node->type == CONFIG_NODE_STRING) {
                return parse_quantity(value, quantity_parse_number);
        }
        if (node->integer < 0) {
                return config_value_refuse(value, node,
                                           string_format("%lld is negative, but \"%s\" cannot be",
                                                         node->integer, value->name),
                                           NULL);
        }
        return keep_number(value, (uint64_t)node->integer);
}

static int emit_number(const struct config_key *key, const void *base, json_t **ret)
{
        const uint64_t *place = CONFIG_PLACE_CONST(base, key->offset);
        char text[32];

        *ret = NULL;
        if (*place == MACHINE_UNSET) {
                return 0;
        }
        if (*place <= INT_MAX) {
                return config_emit_value(json_integer((json_int_t)*place), ret);
        }
        snprintf(text, sizeof text, "%" PRIu64, *place);
        return config_emit_value(json_string(*place == MACHINE_UNLIMITED ? "max" : text), ret);
}

const struct config_kind config_kind_number = {
        .shape = CONFIG_SHAPE_INTEGER | CONFIG_SHAPE_STRING,
        .accepted = "a whole number",
        .pattern = "^([0-9]+|max|unlimited|infinity)$",
        .parse = parse_number,
        .emit = emit_number,
};

/* ---- Sizes and times ---- */

static int parse_size(const struct config_value *value)
{
        return parse_quantity(value, quantity_parse_size);
}

static int emit_size(const struct config_key *key, const void *base, json_t **ret)
{
        return emit_quantity(key, base, quantity_format_size_exact, ret);
}

const struct config_kind config_kind_size = {
        .shape = CONFIG_SHAPE_STRING,
        .accepted = "a size such as \"512K\", \"256M\" or \"1.5G\"",
        .pattern = "^([0-9]+(\\.[0-9]+)?[KMGTPE]?(i?B)?|max|unlimited|infinity)$",
        .parse = parse_size,
        .emit = emit_size,
};

static int parse_time(const struct config_value *value)
{
        return parse_quantity(value, quantity_parse_time);
}

static void format_time(uint64_t usec, char text[static 32])
{
        if (usec == 0) {
                strcpy(text, "0");
                return;
        }
        quantity_format_time_exact(usec, text);
}

static int emit_time(const struct config_key *key, const void *base, json_t **ret)
{
        return emit_quantity(key, base, format_time, ret);
}

const struct config_kind config_kind_time = {
        .shape = CONFIG_SHAPE_STRING,
        .accepted = "a time such as \"500ms\", \"10s\" or \"1min 30s\"",
        .pattern = "^[0-9][0-9.a-z ]*$",
        .parse = parse_time,
        .emit = emit_time,
};

/* ---- File modes ---- */

static int parse_mode_text(const char *text, uint64_t *ret)
{
        size_t length = strlen(text);

        if (length < 3 || length > 5 || strspn(text, "01234567") != length) {
                return -EINVAL;
        }
        *ret = strtoul(text, NULL, 8);
        return *ret > 07777 ? -ERANGE : 0;
}

static int parse_mode(const struct config_value *value)
{
        return parse_quantity(value, parse_mode_text);
}

static void format_mode(uint64_t mode, char text[static 32])
{
        snprintf(text, 32, "%04" PRIo64, mode);
}

static int emit_mode(const struct config_key *key, const void *base, json_t **ret)
{
        return emit_quantity(key, base, format_mode, ret);
}

const struct config_kind config_kind_mode = {
        .shape = CONFIG_SHAPE_STRING,
        .accepted = "an octal mode such as \"0755\"",
        .pattern = "^[0-7]{3,5}$",
        .parse = parse_mode,
        .emit = emit_mode,
};

/* ---- Signed numbers ---- */

/* The key's minimum is stored in two's complement in a uint64_t. */
static int parse_signed(const struct config_value *value)
{
        const struct config_key *key = value->key;
        const struct config_node *node = value->node;
        int *place = CONFIG_PLACE(value->base, key->offset);
        bool *given = CONFIG_PLACE(value->base, key->offset_extra);

        if (node->integer < (int64_t)key->minimum || node->integer > (int64_t)key->maximum) {
                return config_value_refuse(value, node,
                                           string_format("%lld is out of range for \"%s\"",
                                                         node->integer, value->name),
                                           string_format("expected %" PRId64 " to %" PRId64,
                                                         (int64_t)key->minimum,
                                                         (int64_t)key->maximum));
        }
        *place = (int)node->integer;
        *given = true;
        return 0;
}

static int emit_signed(const struct config_key *key, const void *base, json_t **ret)
{
        const int *place = CONFIG_PLACE_CONST(base, key->offset);
        const bool *given = CONFIG_PLACE_CONST(base, key->offset_extra);

        *ret = NULL;
        return *given ? config_emit_value(json_integer(*place), ret) : 0;
}

const struct config_kind config_kind_signed = {
        .shape = CONFIG_SHAPE_INTEGER,
        .accepted = "a whole number",
        .parse = parse_signed,
        .emit = emit_signed,
};

/* ---- Signals ---- */

static int parse_signal(const struct config_value *value)
{
        int *place = CONFIG_PLACE(value->base, value->key->offset);
        int number = signal_parse(value->node->string);

        if (number < 0) {
                return config_value_refuse(value, value->node, NULL, NULL);
        }
        *place = number;
        return 0;
}

static int emit_signal(const struct config_key *key, const void *base, json_t **ret)
{
        const int *place = CONFIG_PLACE_CONST(base, key->offset);
        char text[16];

        *ret = NULL;
        if (*place == 0) {
                return 0;
        }
        signal_name(*place, text);
        return config_emit_value(json_string(text), ret);
}

const struct config_kind config_kind_signal = {
        .shape = CONFIG_SHAPE_STRING,
        .accepted = "a signal such as \"SIGTERM\" or \"SIGRTMIN+3\"",
        .pattern = "^([A-Za-z0-9+-]+)$",
        .parse = parse_signal,
        .emit = emit_signal,
};

/* ---- Resource limits: "SOFT:HARD" ---- */

static int parse_resource_part(const struct config_value *value, const char *text, uint64_t *ret)
{
        bool size = value->key->kind == &config_kind_resource_size;

        if (is_unlimited(text)) {
                *ret = MACHINE_UNLIMITED;
                return 0;
        }
        return size ? quantity_parse_size(text, ret) : quantity_parse_number(text, ret);
}

static int parse_resource(const struct config_value *value)
{
        struct machine_resource_limit *place = CONFIG_PLACE(value->base, value->key->offset);
        struct machine_resource_limit limit = { .set = true };
        const struct config_node *node = value->node;
        _cleanup_free_ char *soft = NULL;
        const char *colon;
        int r;

        if (node->type == CONFIG_NODE_INTEGER) {
                if (node->integer < 0) {
                        return config_value_refuse(value, node, NULL, NULL);
                }
                limit.soft = limit.hard = (uint64_t)node->integer;
                *place = limit;
                return 0;
        }
        colon = strchrnul(node->string, ':');
        soft = strndup(node->string, (size_t)(colon - node->string));
        if (!soft) {
                return -ENOMEM;
        }
        r = parse_resource_part(value, soft, &limit.soft);
        r = r < 0 ? r : parse_resource_part(value, *colon ? colon + 1 : soft, &limit.hard);
        if (r < 0) {
                return refuse_number(value, r);
        }
        if (limit.soft > limit.hard) {
                return config_value_refuse(value, node,
                                           string_format("the soft limit of \"%s\" is above the "
                                                         "hard one",
                                                         value->name),
                                           strdup("SOFT:HARD"));
        }
        *place = limit;
        return 0;
}

static void format_resource(const struct config_key *key, uint64_t number, char text[static 32])
{
        if (number == MACHINE_UNLIMITED) {
                strcpy(text, "max");
        } else if (key->kind == &config_kind_resource_size) {
                quantity_format_size_exact(number, text);
        } else {
                snprintf(text, 32, "%" PRIu64, number);
        }
}

static int emit_resource(const struct config_key *key, const void *base, json_t **ret)
{
        const struct machine_resource_limit *place = CONFIG_PLACE_CONST(base, key->offset);
        char soft[32], hard[32];

        *ret = NULL;
        if (!place->set) {
                return 0;
        }
        format_resource(key, place->soft, soft);
        format_resource(key, place->hard, hard);
        return config_emit_value(json_sprintf("%s:%s", soft, hard), ret);
}

const struct config_kind config_kind_resource = {
        .shape = CONFIG_SHAPE_INTEGER | CONFIG_SHAPE_STRING,
        .accepted = "SOFT:HARD or one number, such as \"1024:4096\" or \"max\"",
        .pattern = "^([0-9]+|max|unlimited|infinity)(:([0-9]+|max|unlimited|infinity))?$",
        .parse = parse_resource,
        .emit = emit_resource,
};

#define SIZE_PATTERN "([0-9]+(\\.[0-9]+)?[KMGTPE]?(i?B)?|max|unlimited|infinity)"

const struct config_kind config_kind_resource_size = {
        .shape = CONFIG_SHAPE_STRING,
        .accepted = "SOFT:HARD or one size, such as \"8M:16M\" or \"max\"",
        .pattern = "^" SIZE_PATTERN "(:" SIZE_PATTERN ")?$",
        .parse = parse_resource,
        .emit = emit_resource,
};
