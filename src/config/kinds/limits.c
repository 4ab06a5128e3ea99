/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/kinds/kind.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <machine/machine.h>

#include "base/quantity.h"
#include "base/strings.h"

/* ---- CPU time: "50%", "2.5" CPUs or "QUOTA PERIOD" ---- */

/* The kernel's limits for cpu.max: a period of 1 ms to 1 s, a quota of at least 1 ms. */
#define PERIOD_MINIMUM 1000u
#define PERIOD_MAXIMUM 1000000u
#define PERIOD_DEFAULT 100000u
#define QUOTA_MINIMUM  1000u

/* Reads a decimal number with up to four decimal places, in units of 1/10000. Returns the rest of
 * the text, or NULL. */
static const char *read_decimal(const char *text, uint64_t *ret)
{
        uint64_t number = 0, scale = 10000;

        if (!isdigit((unsigned char)*text) || strspn(text, "0123456789") > 9) {
                return NULL;
        }
        for (; isdigit((unsigned char)*text); text++) {
                number = number * 10 + (uint64_t)(*text - '0');
        }
        number *= scale;
        if (*text == '.') {
                size_t digits = strspn(text + 1, "0123456789");

                if (digits == 0 || digits > 4) {
                        return NULL;
                }
                for (text++; digits > 0; digits--, text++) {
                        scale /= 10;
                        number += scale * (uint64_t)(*text - '0');
                }
        }
        *ret = number;
        return text;
}

static int read_cpu(const char *text, uint64_t *ret_quota, uint64_t *ret_period)
{
        const char *blank = strchr(text, ' ');
        uint64_t number;

        if (blank) {
                _cleanup_free_ char *quota = strndup(text, (size_t)(blank - text));

                if (!quota) {
                        return -ENOMEM;
                }
                if (strcmp(quota, "max") == 0) {
                        *ret_quota = MACHINE_UNLIMITED;
                        return quantity_parse_number(blank + 1, ret_period);
                }
                return quantity_parse_number(quota, ret_quota) < 0 ||
                                       quantity_parse_number(blank + 1, ret_period) < 0
                               ? -EINVAL
                               : 0;
        }
        *ret_period = PERIOD_DEFAULT;
        if (strcmp(text, "max") == 0) {
                *ret_quota = MACHINE_UNLIMITED;
                return 0;
        }
        text = read_decimal(text, &number);
        if (!text || (*text && strcmp(text, "%") != 0)) {
                return -EINVAL;
        }
        *ret_quota = number * PERIOD_DEFAULT / 10000 / (*text ? 100 : 1);
        return 0;
}

static int parse_cpu(const struct config_value *value)
{
        uint64_t *place = CONFIG_PLACE(value->base, value->key->offset);
        uint64_t *period_place = CONFIG_PLACE(value->base, value->key->offset_extra);
        const struct config_node *node = value->node;
        uint64_t quota, period;
        int r = read_cpu(node->string, &quota, &period);

        if (r < 0) {
                return r == -ENOMEM ? r : config_value_refuse(value, node, NULL, NULL);
        }
        if (quota < QUOTA_MINIMUM) {
                return config_value_refuse(
                        value, node,
                        string_format("\"%.80s\" is less CPU time than the kernel supports",
                                      node->string),
                        strdup("expected at least 1%, or a quota of 1000 microseconds"));
        }
        if (period < PERIOD_MINIMUM || period > PERIOD_MAXIMUM) {
                return config_value_refuse(
                        value, node,
                        string_format("the period of \"%s\" is out of range", value->name),
                        strdup("expected 1000 to 1000000 microseconds"));
        }
        *place = quota;
        *period_place = period;
        return 0;
}

static int emit_cpu(const struct config_key *key, const void *base, json_t **ret)
{
        const uint64_t *quota = CONFIG_PLACE_CONST(base, key->offset);
        const uint64_t *period = CONFIG_PLACE_CONST(base, key->offset_extra);

        *ret = NULL;
        if (*quota == MACHINE_UNSET) {
                return 0;
        }
        if (*quota == MACHINE_UNLIMITED) {
                return config_emit_value(json_sprintf("max %ju", (uintmax_t)*period), ret);
        }
        if (*period == PERIOD_DEFAULT && *quota % (PERIOD_DEFAULT / 100) == 0) {
                return config_emit_value(
                        json_sprintf("%ju%%", (uintmax_t)(*quota / (PERIOD_DEFAULT / 100))), ret);
        }
        return config_emit_value(json_sprintf("%ju %ju", (uintmax_t)*quota, (uintmax_t)*period),
                                 ret);
}

const struct config_kind config_kind_cpu = {
        .shape = CONFIG_SHAPE_STRING,
        .accepted =
                "\"50%\" of one CPU, \"2.5\" CPUs, or \"50000 100000\" (microseconds per period)",
        .pattern = "^([0-9]+(\\.[0-9]{1,4})?%?|([0-9]+|max) [0-9]+|max)$",
        .parse = parse_cpu,
        .emit = emit_cpu,
};

/* ---- Lists of CPUs and memory nodes: "0-3,5" as in cpuset(7) ---- */

/* No kernel supports more (NR_CPUS). */
#define CPU_MAXIMUM 8191

static bool read_cpu_number(const char **text, unsigned long *ret)
{
        char *end;

        if (!isdigit((unsigned char)**text) || strspn(*text, "0123456789") > 4) {
                return false;
        }
        *ret = strtoul(*text, &end, 10);
        *text = end;
        return *ret <= CPU_MAXIMUM;
}

static bool cpuset_is_valid(const char *text)
{
        for (;; text++) {
                unsigned long first, last;

                if (!read_cpu_number(&text, &first)) {
                        return false;
                }
                if (*text == '-') {
                        text++;
                        if (!read_cpu_number(&text, &last) || last < first) {
                                return false;
                        }
                }
                if (!*text) {
                        return true;
                }
                if (*text != ',') {
                        return false;
                }
        }
}

static int check_cpuset(const struct config_value *value, const struct config_node *node,
                        const char *text, char **ret)
{
        if (!cpuset_is_valid(text)) {
                return config_value_refuse(value, node, NULL, NULL);
        }
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

CONFIG_TEXT_KIND(config_kind_cpuset, check_cpuset, "^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$",
                 "a list of numbers and ranges such as \"0-3,6\"");

/* ---- Huge pages: "SIZE=LIMIT" ---- */

static int check_hugepages(const struct config_value *value, const struct config_node *node,
                           const char *text, char **ret)
{
        const char *equals = strchr(text, '=');
        _cleanup_free_ char *size = equals ? strndup(text, (size_t)(equals - text)) : NULL;
        char page_text[32], limit_text[32];
        uint64_t page, limit;

        if (equals && !size) {
                return -ENOMEM;
        }
        if (!equals || quantity_parse_size(size, &page) < 0 ||
            quantity_parse_size(equals + 1, &limit) < 0 || page < 4096 || (page & (page - 1))) {
                return config_value_refuse(value, node, NULL, NULL);
        }
        if (limit % page) {
                return config_value_refuse(
                        value, node,
                        string_format("\"%.80s\" is not a whole number of such pages", text), NULL);
        }
        quantity_format_size_exact(page, page_text);
        quantity_format_size_exact(limit, limit_text);
        *ret = string_format("%s=%s", page_text, limit_text);
        return *ret ? 0 : -ENOMEM;
}

CONFIG_TEXTS_KIND(config_kind_hugepages, check_hugepages,
                  "^[0-9.]+[KMG](i?B)?=[0-9.]+[KMGT]?(i?B)?$",
                  "page sizes with limits: [ \"2M=512M\" ]");
