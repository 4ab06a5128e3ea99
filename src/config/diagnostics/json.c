/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/diagnostics/diagnostics.h"

#include "base/json.h"
#include "base/strings.h"

/* Escapes bytes of file names and messages that are not UTF-8, which JSON cannot represent. */
static int set_text(json_t *object, const char *key, const char *text)
{
        _cleanup_free_ char *printable = text ? string_printable(text) : NULL;

        return text && !printable ? -1 : json_set_string(object, key, printable);
}

static int set_place(json_t *object, const struct diagnostic_place *place)
{
        if (set_text(object, "file", place->file) < 0 ||
            json_set_number(object, "line", place->line) < 0 ||
            json_set_number(object, "column", place->column) < 0) {
                return -1;
        }
        return json_set_number(object, "length", place->length);
}

static json_t *related_json(const struct diagnostic *finding)
{
        _cleanup_json_ json_t *object = json_object();

        if (!object || set_place(object, &finding->related) < 0 ||
            set_text(object, "message", finding->related_message) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

static json_t *finding_json(const struct diagnostic *finding)
{
        _cleanup_json_ json_t *object = json_object();
        const char *severity = finding->severity == DIAGNOSTIC_ERROR ? "error" : "warning";

        if (!object || json_set_string(object, "severity", severity) < 0 ||
            set_place(object, &finding->place) < 0 ||
            set_text(object, "message", finding->message) < 0 ||
            set_text(object, "hint", finding->hint) < 0) {
                return NULL;
        }
        if (finding->related_message &&
            json_set_value(object, "related", related_json(finding)) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

json_t *diagnostics_json(struct diagnostics *diagnostics)
{
        _cleanup_json_ json_t *array = json_array();

        diagnostics_sort(diagnostics);
        for (size_t i = 0; array && i < diagnostics->count; i++) {
                if (json_array_append_new(array, finding_json(&diagnostics->items[i])) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(array);
}
