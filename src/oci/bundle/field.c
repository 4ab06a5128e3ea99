/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "oci/bundle/field.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "oci/bundle/locate.h"

/* ---- errors ---- */

static int wrong_at(struct oci_reader *reader, const char *path, const char *format,
                    va_list arguments) _printf_(3, 0);

static int wrong_at(struct oci_reader *reader, const char *path, const char *format,
                    va_list arguments)
{
        _cleanup_free_ char *message = string_format_list(format, arguments);
        _cleanup_free_ char *printable = message ? string_printable(message) : NULL;
        _cleanup_free_ char *place = string_printable(path);

        if (!printable || !place) {
                return error_oom(reader->error);
        }
        error_say(reader->error, EINVAL, "%s:%u: %s%s%s", reader->file,
                  json_locate(reader->text, reader->length, path), place, *place ? ": " : "",
                  printable);
        return error_kind(reader->error, MACHINE_ERROR_DEFINITION);
}

int oci_wrong(struct oci_reader *reader, const char *format, ...)
{
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = wrong_at(reader, reader->path, format, arguments);
        va_end(arguments);
        return r;
}

int oci_wrong_member(struct oci_reader *reader, const char *member, const char *format, ...)
{
        char path[sizeof reader->path + 64];
        va_list arguments;
        int r;

        snprintf(path, sizeof path, "%s%s%s", reader->path, *reader->path ? "." : "", member);
        va_start(arguments, format);
        r = wrong_at(reader, path, format, arguments);
        va_end(arguments);
        return r;
}

int oci_warn(struct oci_reader *reader, const char *format, ...)
{
        _cleanup_free_ char *message = NULL;
        va_list arguments;

        va_start(arguments, format);
        message = string_format_list(format, arguments);
        va_end(arguments);
        return !message || strv_take(reader->warnings,
                                     string_format("%s:%u: %s: %s", reader->file,
                                                   json_locate(reader->text, reader->length,
                                                               reader->path),
                                                   reader->path, message)) < 0
                       ? error_oom(reader->error)
                       : 0;
}

/* ---- the path ---- */

/* Appends to the path; what does not fit is cut off, which only messages notice. Returns the length
 * to go back to. */
static size_t push(struct oci_reader *reader, const char *format, ...) _printf_(2, 3);

static size_t push(struct oci_reader *reader, const char *format, ...)
{
        size_t length = strlen(reader->path);
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(reader->path + length, sizeof reader->path - length, format, arguments);
        va_end(arguments);
        return length;
}

static size_t push_name(struct oci_reader *reader, const char *name)
{
        bool plain = *name && name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
                                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] == '\0';

        return push(reader, plain ? "%s%s" : "%s[\"%s\"]", plain && *reader->path ? "." : "", name);
}

static void pop(struct oci_reader *reader, size_t length)
{
        reader->path[length] = '\0';
}

/* ---- types ---- */

static const char *const type_names[] = {
        [OCI_STRING] = "a string",
        [OCI_BOOLEAN] = "true or false",
        [OCI_INTEGER] = "an integer",
        [OCI_STRINGS] = "an array of strings",
        [OCI_INTEGERS] = "an array of integers",
        [OCI_OBJECT] = "an object",
        [OCI_LIST] = "an array of objects",
        [OCI_MAP] = "an object",
};

static const char *found_name(const json_t *value)
{
        if (json_is_number64(value)) {
                return "an integer";
        }
        switch (json_typeof(value)) {
        case JSON_OBJECT:
                return "an object";
        case JSON_ARRAY:
                return "an array";
        case JSON_STRING:
                return "a string";
        case JSON_REAL:
                return "a fraction";
        case JSON_TRUE:
        case JSON_FALSE:
                return "a boolean";
        default:
                return "null";
        }
}

static bool has_type(const json_t *value, enum oci_type type)
{
        switch (type) {
        case OCI_STRING:
                return json_is_string(value) && !json_is_number64(value);
        case OCI_BOOLEAN:
                return json_is_boolean(value);
        case OCI_INTEGER:
                return json_is_number64(value);
        case OCI_STRINGS:
        case OCI_INTEGERS:
        case OCI_LIST:
                return json_is_array(value);
        case OCI_OBJECT:
        case OCI_MAP:
                return json_is_object(value);
        }
        return false;
}

/* The type of each element of an array. */
static enum oci_type element_type(enum oci_type type)
{
        return type == OCI_STRINGS ? OCI_STRING : type == OCI_INTEGERS ? OCI_INTEGER : OCI_OBJECT;
}

static int check_type(struct oci_reader *reader, const json_t *value, enum oci_type type)
{
        return has_type(value, type) ? 0
                                     : oci_wrong(reader, "this must be %s, not %s",
                                                 type_names[type], found_name(value));
}

static int check_elements(struct oci_reader *reader, const json_t *array, enum oci_type type)
{
        size_t index;
        json_t *element;

        json_array_foreach(array, index, element)
        {
                size_t length = push(reader, "[%zu]", index);
                int r = check_type(reader, element, type);

                if (r < 0) {
                        return r;
                }
                pop(reader, length);
        }
        return 0;
}

/* ---- values ---- */

static int read_object(struct oci_reader *reader, const json_t *value,
                       const struct oci_field *field)
{
        int r = field->take ? field->take(reader, value) : 0;

        if (r == 0 && field->fields) {
                r = oci_read_fields(reader, value, field->fields);
        }
        return r < 0 || !field->finish ? r : field->finish(reader, value);
}

static int read_list(struct oci_reader *reader, const json_t *array, const struct oci_field *field)
{
        size_t index;
        json_t *element;

        json_array_foreach(array, index, element)
        {
                size_t length = push(reader, "[%zu]", index);
                int r = check_type(reader, element, OCI_OBJECT);

                reader->index = index;
                if (r == 0) {
                        r = read_object(reader, element, field);
                }
                if (r < 0) {
                        return r;
                }
                pop(reader, length);
        }
        return 0;
}

static int read_map(struct oci_reader *reader, const json_t *map, const struct oci_field *field)
{
        const char *key;
        json_t *value;

        json_object_foreach((json_t *)map, key, value)
        {
                size_t length = push_name(reader, key);
                int r = *key ? check_type(reader, value, field->value)
                             : oci_wrong(reader, "an empty key");

                reader->key = key;
                if (r == 0) {
                        r = read_object(reader, value, field);
                }
                if (r < 0) {
                        return r;
                }
                pop(reader, length);
        }
        return 0;
}

static int read_value(struct oci_reader *reader, const json_t *value, const struct oci_field *field)
{
        int r = check_type(reader, value, field->type);

        if (r < 0) {
                return r;
        }
        if (field->refused) {
                return oci_wrong(reader, "%s", field->refused);
        }
        switch (field->type) {
        case OCI_STRINGS:
        case OCI_INTEGERS:
                r = check_elements(reader, value, element_type(field->type));
                return r < 0 || !field->take ? r : field->take(reader, value);
        case OCI_LIST:
                return read_list(reader, value, field);
        case OCI_MAP:
                return read_map(reader, value, field);
        default:
                return read_object(reader, value, field);
        }
}

/* ---- objects ---- */

static const struct oci_field *find_field(const struct oci_field *fields, const char *name)
{
        for (const struct oci_field *field = fields; field->name; field++) {
                if (string_equal(field->name, name)) {
                        return field;
                }
        }
        return NULL;
}

static int note_unknown(struct oci_reader *reader)
{
        return reader->unknown && strv_append(reader->unknown, reader->path) < 0
                       ? error_oom(reader->error)
                       : 0;
}

static int check_required(struct oci_reader *reader, const json_t *object,
                          const struct oci_field *fields)
{
        for (const struct oci_field *field = fields; field->name; field++) {
                const json_t *value = json_object_get(object, field->name);

                if (field->required && (!value || json_is_null(value))) {
                        return oci_wrong_member(reader, field->name,
                                                "this is required and missing");
                }
        }
        return 0;
}

/* In the order of the table, not of the document, so that a field can rely on those above it. A
 * null is what the languages of other tools write for a value that is not set. */
int oci_read_fields(struct oci_reader *reader, const json_t *object, const struct oci_field *fields)
{
        const char *key;
        json_t *member;
        int r = check_required(reader, object, fields);

        json_object_foreach((json_t *)object, key, member)
        {
                size_t length;

                if (r < 0) {
                        return r;
                }
                if (!find_field(fields, key)) {
                        length = push_name(reader, key);
                        r = note_unknown(reader);
                        pop(reader, length);
                }
        }
        for (const struct oci_field *field = fields; r == 0 && field->name; field++) {
                const json_t *value = json_object_get(object, field->name);

                if (value && !json_is_null(value)) {
                        size_t length = push_name(reader, field->name);

                        r = read_value(reader, value, field);
                        if (r == 0) {
                                pop(reader, length);
                        }
                }
        }
        return r;
}

/* ---- taking values ---- */

int oci_take_string(struct oci_reader *reader, const json_t *value, char **place)
{
        return string_replace(place, json_string_value(value)) < 0 ? error_oom(reader->error) : 0;
}

int oci_take_strings(struct oci_reader *reader, const json_t *value, char ***place)
{
        size_t count = strv_length(*place), index;
        json_t *element;
        char **grown;

        /* An empty list stays none. */
        if (json_array_size(value) == 0) {
                return 0;
        }
        grown = reallocarray(*place, count + json_array_size(value) + 1, sizeof *grown);
        if (!grown) {
                return error_oom(reader->error);
        }
        *place = grown;
        json_array_foreach(value, index, element)
        {
                grown[count] = strdup(json_string_value(element));
                if (!grown[count]) {
                        return error_oom(reader->error);
                }
                count++;
                grown[count] = NULL;
        }
        return 0;
}

int oci_take_number(struct oci_reader *reader, const json_t *value, int64_t minimum,
                    int64_t maximum, int64_t *ret)
{
        if (!json_is_integer(value) || json_integer_value(value) < minimum ||
            json_integer_value(value) > maximum) {
                return oci_wrong(reader, "this must be from %" PRId64 " to %" PRId64, minimum,
                                 maximum);
        }
        *ret = json_integer_value(value);
        return 0;
}

/* -1 is no id: setresuid(2) takes it as "unchanged". */
int oci_take_id(struct oci_reader *reader, const json_t *value, uint32_t *place)
{
        int64_t id = 0;
        int r = oci_take_number(reader, value, 0, UINT32_MAX - 1, &id);

        if (r == 0) {
                *place = (uint32_t)id;
        }
        return r;
}

int oci_take_word(struct oci_reader *reader, const json_t *value, const char *const *words,
                  size_t count, size_t *ret)
{
        const char *text = json_string_value(value);
        _cleanup_free_ char *list = NULL;

        for (size_t i = 0; i < count; i++) {
                if (words[i] && string_equal(words[i], text)) {
                        *ret = i;
                        return 0;
                }
        }
        for (size_t i = 0; i < count; i++) {
                char *longer = words[i] ? string_format("%s%s%s", list ? list : "",
                                                        list ? ", " : "", words[i])
                                        : NULL;

                if (longer) {
                        free(list);
                        list = longer;
                }
        }
        return oci_wrong(reader, "\"%s\" is none of %s", text, list ? list : "");
}

/* Whether a text is a list as in cpuset(7); its numbers are below the maximum. */
static bool is_set(const char *text, unsigned long maximum)
{
        const char *at = text;

        for (;;) {
                char *end;
                unsigned long first, last;

                if (*at < '0' || *at > '9') {
                        return false;
                }
                first = last = strtoul(at, &end, 10);
                if (*end == '-') {
                        at = end + 1;
                        if (*at < '0' || *at > '9') {
                                return false;
                        }
                        last = strtoul(at, &end, 10);
                }
                if (last < first || last >= maximum) {
                        return false;
                }
                if (*end == '\0') {
                        return true;
                }
                if (*end != ',') {
                        return false;
                }
                at = end + 1;
        }
}

int oci_take_set(struct oci_reader *reader, const json_t *value, unsigned long maximum,
                 char **place)
{
        const char *text = json_string_value(value);

        if (!*text) {
                return 0;
        }
        if (!is_set(text, maximum)) {
                return oci_wrong(reader, "\"%s\" is not a list of numbers below %lu like \"0-3,7\"",
                                 text, maximum);
        }
        return oci_take_string(reader, value, place);
}

int oci_take_path(struct oci_reader *reader, const json_t *value, char **place)
{
        const char *text = json_string_value(value);
        int r;

        if (text[0] != '/') {
                return oci_wrong(reader, "\"%s\" is not an absolute path", text);
        }
        free(*place);
        *place = NULL;
        r = path_normalize(text, place);
        if (r == -EINVAL) {
                return oci_wrong(reader, "\"%s\" contains \"..\"", text);
        }
        return r < 0 ? error_oom(reader->error) : 0;
}

void *oci_grow(struct oci_reader *reader, void *array_place, size_t *count, size_t size)
{
        char **place = array_place;
        char *grown = *place;

        /* At each power of two, by as much again. */
        if ((*count & (*count - 1)) == 0) {
                grown = reallocarray(*place, *count > 0 ? *count * 2 : 1, size);
        }
        if (!grown) {
                error_oom(reader->error);
                return NULL;
        }
        *place = grown;
        memset(grown + *count * size, 0, size);
        return grown + (*count)++ * size;
}
