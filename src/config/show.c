/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/show.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/strings.h"
#include "config/check/definition.h"
#include "config/kinds/kind.h"

/* ---- As files ---- */

char *config_files_text(const struct config_definition *definition)
{
        char *text = NULL;
        size_t length;
        FILE *out = open_memstream(&text, &length);

        for (size_t i = 0; out && i < definition->loader.source_count; i++) {
                const struct config_source *source = definition->loader.sources[i];
                bool ended = source->length == 0 || string_ends_with(source->text, "\n");

                fprintf(out, "%s# %s\n%s%s", i ? "\n" : "", source->name, source->text,
                        ended ? "" : "\n");
        }
        if (!out || fclose(out) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

/* ---- As JSON ---- */

/* Puts a value at its full name, creating the group if necessary. Takes the value. */
static int set_nested(json_t *root, const char *name, json_t *value)
{
        for (;;) {
                size_t length = strcspn(name, ".");
                _cleanup_free_ char *part = strndup(name, length);
                json_t *group;

                if (!part) {
                        json_decref(value);
                        return -ENOMEM;
                }
                if (!name[length]) {
                        return json_set_value(root, part, value);
                }
                group = json_object_get(root, part);
                if (!group) {
                        group = json_object();
                        if (json_set_value(root, part, group) < 0) {
                                json_decref(value);
                                return -ENOMEM;
                        }
                }
                root = group;
                name += length + 1;
        }
}

int config_machine_json(const struct machine *machine, bool defaults, json_t **ret)
{
        const struct config_table *table = &config_machine_table;
        _cleanup_json_ json_t *root = json_object();

        for (size_t i = 0; root && i < table->count; i++) {
                const struct config_key *key = &table->keys[i];
                json_t *value = NULL;

                if (!defaults && !machine_origin_of(machine, key->name)) {
                        continue;
                }
                if (key->kind->emit(key, machine, &value) < 0 ||
                    (value && set_nested(root, key->name, value) < 0)) {
                        return -ENOMEM;
                }
        }
        return config_emit_value(TAKE_PTR(root), ret);
}

json_t *config_origins_json(const struct machine *machine)
{
        _cleanup_json_ json_t *root = json_object();

        for (size_t i = 0; root && i < machine->origin_count; i++) {
                const struct machine_origin *origin = &machine->origins[i];
                _cleanup_free_ char *file = string_printable(origin->file);
                json_t *place = json_object();

                if (!file || json_set_string(place, "file", file) < 0 ||
                    json_set_number(place, "line", origin->line) < 0) {
                        json_decref(place);
                        return NULL;
                }
                if (json_set_value(root, origin->key, place) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(root);
}

/* ---- As text ---- */

static void write_string(FILE *out, const char *text)
{
        static const char letters[] = "\n\r\f\"\\";
        static const char escapes[] = "nrf\"\\";

        fputc('"', out);
        for (; *text; text++) {
                const char *special = strchr(letters, *text);

                if (special) {
                        fprintf(out, "\\%c", escapes[special - letters]);
                } else if ((unsigned char)*text < 0x20 || *text == 0x7f) {
                        fprintf(out, "\\x%02x", (unsigned char)*text);
                } else {
                        fputc(*text, out);
                }
        }
        fputc('"', out);
}

static void write_value(FILE *out, const json_t *value);

static void write_elements(FILE *out, const json_t *array)
{
        bool groups = json_is_object(json_array_get(array, 0));
        size_t count = json_array_size(array);

        if (count == 0) {
                fputs("[ ]", out);
                return;
        }
        fputs(groups ? "( " : "[ ", out);
        for (size_t i = 0; i < count; i++) {
                fputs(i ? ", " : "", out);
                write_value(out, json_array_get(array, i));
        }
        fputs(groups ? " )" : " ]", out);
}

static void write_value(FILE *out, const json_t *value)
{
        const char *name;
        json_t *member;

        if (json_is_string(value)) {
                write_string(out, json_string_value(value));
        } else if (json_is_integer(value)) {
                fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        } else if (json_is_boolean(value)) {
                fputs(json_is_true(value) ? "true" : "false", out);
        } else if (json_is_array(value)) {
                write_elements(out, value);
        } else {
                fputs("{ ", out);
                json_object_foreach((json_t *)value, name, member)
                {
                        fprintf(out, "%s = ", name);
                        write_value(out, member);
                        fputs("; ", out);
                }
                fputs("}", out);
        }
}

char *config_value_text(const json_t *value)
{
        char *text = NULL;
        size_t length;
        FILE *out = open_memstream(&text, &length);

        if (!out) {
                return NULL;
        }
        write_value(out, value);
        if (fclose(out) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

/* The column where comments begin, if the value leaves room. */
#define COMMENT_COLUMN 56

struct writer {
        FILE *out;
        const struct machine *machine;
        bool defaults;
        const char *group; /* the group that is open, or NULL */
        size_t group_length;
};

static void close_group(struct writer *writer)
{
        if (writer->group) {
                fputs("};\n", writer->out);
        }
        writer->group = NULL;
        writer->group_length = 0;
}

/* Opens the group of a full name and closes the previous one. Returns the name in the group. */
static const char *enter_group(struct writer *writer, const char *name)
{
        const char *point = strchr(name, '.');
        size_t length = point ? (size_t)(point - name) : 0;

        if (length != writer->group_length ||
            (length && strncmp(writer->group, name, length) != 0)) {
                close_group(writer);
                if (length) {
                        fprintf(writer->out, "%.*s = {\n", (int)length, name);
                        writer->group = name;
                        writer->group_length = length;
                }
        }
        return point ? point + 1 : name;
}

/* Ends a line that has reached a column. `origin` is NULL for a default. */
static int write_origin(const struct writer *writer, int column,
                        const struct machine_origin *origin)
{
        _cleanup_free_ char *file = string_printable(origin ? origin->file : "");

        if (!file) {
                return -ENOMEM;
        }
        fprintf(writer->out, "%*s# ", column < COMMENT_COLUMN ? COMMENT_COLUMN - column : 2, "");
        if (origin) {
                fprintf(writer->out, "%s:%u\n", file, origin->line);
        } else {
                fputs("default\n", writer->out);
        }
        return 0;
}

static const struct machine_origin *element_origin(const struct writer *writer, const char *key,
                                                   size_t index)
{
        char name[160];

        snprintf(name, sizeof name, "%s[%zu]", key, index);
        return machine_origin_of(writer->machine, name);
}

/* A list whose elements come from several files: an element on each line, with its origin. */
static int write_elements_of_files(struct writer *writer, const struct config_key *key,
                                   const char *name, const json_t *value)
{
        const char *indent = writer->group ? "  " : "";
        bool groups = json_is_object(json_array_get(value, 0));
        size_t count = json_array_size(value);

        fprintf(writer->out, "%s%s = %s\n", indent, name, groups ? "(" : "[");
        for (size_t i = 0; i < count; i++) {
                _cleanup_free_ char *text = config_value_text(json_array_get(value, i));
                int column;

                if (!text) {
                        return -ENOMEM;
                }
                column = fprintf(writer->out, "%s  %s%s", indent, text, i + 1 < count ? "," : "");
                if (write_origin(writer, column, element_origin(writer, key->name, i)) < 0) {
                        return -ENOMEM;
                }
        }
        fprintf(writer->out, "%s%s;\n", indent, groups ? ")" : "]");
        return 0;
}

static int write_key(struct writer *writer, const struct config_key *key)
{
        const struct machine_origin *origin = machine_origin_of(writer->machine, key->name);
        _cleanup_json_ json_t *value = NULL;
        _cleanup_free_ char *text = NULL;
        const char *name;
        size_t count;
        int column;

        if (!origin && !writer->defaults) {
                return 0;
        }
        if (key->kind->emit(key, writer->machine, &value) < 0) {
                return -ENOMEM;
        }
        if (!value) {
                return 0;
        }
        text = config_value_text(value);
        if (!text) {
                return -ENOMEM;
        }
        name = enter_group(writer, key->name);
        count = json_array_size(value);
        if (count > 0 && element_origin(writer, key->name, count - 1) &&
            !element_origin(writer, key->name, count)) {
                return write_elements_of_files(writer, key, name, value);
        }
        column = fprintf(writer->out, "%s%s%s = %s;", writer->group ? "  " : "", origin ? "" : "# ",
                         name, text);
        return write_origin(writer, column, origin);
}

char *config_machine_text(const struct machine *machine, bool defaults)
{
        const struct config_table *table = &config_machine_table;
        char *text = NULL;
        size_t length;
        struct writer writer = { .machine = machine, .defaults = defaults };
        int r = 0;

        writer.out = open_memstream(&text, &length);
        if (!writer.out) {
                return NULL;
        }
        fprintf(writer.out, "# %s.machine\n", machine->name);
        for (size_t i = 0; i < table->count && r == 0; i++) {
                r = write_key(&writer, &table->keys[i]);
        }
        close_group(&writer);
        if (fclose(writer.out) != 0 || r < 0) {
                free(text);
                return NULL;
        }
        return text;
}
