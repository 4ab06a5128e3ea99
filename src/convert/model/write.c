/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "convert/model/write.h"

#include <stdio.h>
#include <string.h>

#include "base/strings.h"
#include "config/keys/schema.h"
#include "config/show.h"

#define COMMENT_WIDTH 96

struct writer {
        FILE *out;
        size_t line; /* of the next line, from 1 */
        const struct convert_file *file;
        struct convert_lines *lines;
        const char *group; /* that is open: the full name of a key in it, or NULL */
        size_t group_length;
        int failed;
};

void convert_lines_clear(struct convert_lines *lines)
{
        free(lines->lines);
        free(lines->settings);
        *lines = (struct convert_lines){ 0 };
}

const struct config_table *convert_table(const struct convert_file *file)
{
        if (string_equal(file->suffix, ".network")) {
                return &config_network_table;
        }
        return string_equal(file->suffix, ".volume") ? &config_volume_table : &config_machine_table;
}

char *convert_place_text(const struct convert_place *place)
{
        if (!place->file) {
                return strdup("");
        }
        if (!place->line) {
                return string_format("%s: %s: ", place->file, place->name);
        }
        return string_format("%s:%u: %s: ", place->file, place->line, place->name);
}

/* ---- Comments ---- */

/* Writes a text as comment lines, broken between words. Nothing in it can end the comment. */
static void write_comment(struct writer *writer, const char *indent, const char *text)
{
        _cleanup_free_ char *printable = string_printable(text);
        const char *word = printable;
        size_t column = 0;

        if (!printable) {
                writer->failed = -ENOMEM;
                return;
        }
        while (*word) {
                size_t length = strcspn(word, " ");

                if (column == 0 || column + 1 + length > COMMENT_WIDTH) {
                        fprintf(writer->out, "%s%s# %.*s", column ? "\n" : "", indent, (int)length,
                                word);
                        writer->line++;
                        column = strlen(indent) + 2 + length;
                } else {
                        fprintf(writer->out, " %.*s", (int)length, word);
                        column += 1 + length;
                }
                word += length;
                word += strspn(word, " ");
        }
        fputc('\n', writer->out);
}

static void write_note(struct writer *writer, const char *indent, const struct convert_note *note)
{
        _cleanup_free_ char *place = convert_place_text(&note->place);
        _cleanup_free_ char *text =
                place ? string_format("%s%s%s", note->kind == CONVERT_LOST ? "LOST: " : "", place,
                                      note->text)
                      : NULL;

        if (!text) {
                writer->failed = -ENOMEM;
                return;
        }
        write_comment(writer, indent, text);
}

/* The notes about a key, or, for NULL, about none that is set. */
static void write_notes(struct writer *writer, const char *key)
{
        const struct convert_file *file = writer->file;

        for (size_t i = 0; i < file->note_count; i++) {
                const struct convert_note *note = &file->notes[i];
                bool set = false;

                for (size_t j = 0; note->key && j < file->setting_count; j++) {
                        set |= strcmp(file->settings[j].key, note->key) == 0;
                }
                if (key ? set && strcmp(note->key, key) == 0 : !set) {
                        write_note(writer, key && strchr(key, '.') ? "  " : "", note);
                }
        }
}

/* ---- Settings ---- */

static void close_group(struct writer *writer)
{
        if (writer->group) {
                fputs("};\n", writer->out);
                writer->line++;
        }
        writer->group = NULL;
        writer->group_length = 0;
}

static void enter_group(struct writer *writer, const char *key)
{
        const char *point = strchr(key, '.');
        size_t length = point ? (size_t)(point - key) : 0;

        if (length == writer->group_length &&
            strncmp(writer->group ? writer->group : "", key, length) == 0) {
                return;
        }
        close_group(writer);
        if (length) {
                fprintf(writer->out, "%.*s = {\n", (int)length, key);
                writer->line++;
                writer->group = key;
                writer->group_length = length;
        }
}

static void note_line(struct writer *writer, size_t setting)
{
        struct convert_lines *lines = writer->lines;
        size_t *grown;

        if (!lines) {
                return;
        }
        grown = reallocarray(lines->lines, lines->count + 1, sizeof *grown);
        lines->lines = grown ? grown : lines->lines;
        if (grown) {
                grown = reallocarray(lines->settings, lines->count + 1, sizeof *grown);
                lines->settings = grown ? grown : lines->settings;
        }
        if (!grown) {
                writer->failed = -ENOMEM;
                return;
        }
        lines->lines[lines->count] = writer->line;
        lines->settings[lines->count++] = setting;
}

static void write_value(struct writer *writer, const char *before, size_t index, const char *after)
{
        _cleanup_free_ char *text = config_value_text(writer->file->settings[index].value);

        if (!text) {
                writer->failed = -ENOMEM;
                return;
        }
        note_line(writer, index);
        fprintf(writer->out, "%s%s%s\n", before, text, after);
        writer->line++;
}

/* One element on each line, so that a finding about a line is about one element. */
static void write_list(struct writer *writer, const char *indent, const char *name,
                       const struct config_key *key)
{
        const struct convert_file *file = writer->file;
        _cleanup_free_ char *before = string_format("%s  ", indent);
        bool groups = key->kind->shape & CONFIG_SHAPE_GROUPS;
        size_t last = 0;

        for (size_t i = 0; i < file->setting_count; i++) {
                last = strcmp(file->settings[i].key, key->name) == 0 ? i : last;
        }
        fprintf(writer->out, "%s%s = %s\n", indent, name, groups ? "(" : "[");
        writer->line++;
        for (size_t i = 0; before && i <= last; i++) {
                if (strcmp(file->settings[i].key, key->name) == 0) {
                        write_value(writer, before, i, i < last ? "," : "");
                }
        }
        writer->failed = before ? writer->failed : -ENOMEM;
        fprintf(writer->out, "%s%s;\n", indent, groups ? ")" : "]");
        writer->line++;
}

static void write_key(struct writer *writer, const struct config_key *key)
{
        const struct convert_file *file = writer->file;
        const char *point = strchr(key->name, '.');
        const char *name = point ? point + 1 : key->name;
        const char *indent = point ? "  " : "";

        for (size_t i = 0; i < file->setting_count; i++) {
                _cleanup_free_ char *before = NULL;

                if (strcmp(file->settings[i].key, key->name) != 0) {
                        continue;
                }
                enter_group(writer, key->name);
                write_notes(writer, key->name);
                if (file->settings[i].element) {
                        write_list(writer, indent, name, key);
                        return;
                }
                before = string_format("%s%s = ", indent, name);
                if (before) {
                        write_value(writer, before, i, ";");
                }
                writer->failed = before ? writer->failed : -ENOMEM;
                return;
        }
}

char *convert_write(const struct convert_file *file, struct convert_lines *lines)
{
        const struct config_table *table = convert_table(file);
        char *text = NULL;
        size_t length;
        struct writer writer = { .line = 1, .file = file, .lines = lines };
        _cleanup_free_ char *title =
                string_format("%s%s, converted from %s", file->name, file->suffix, file->origin);

        if (file->content) {
                return strdup(file->content);
        }
        writer.out = title ? open_memstream(&text, &length) : NULL;
        if (!writer.out) {
                return NULL;
        }
        write_comment(&writer, "", title);
        write_notes(&writer, NULL);
        fputc('\n', writer.out);
        writer.line++;
        for (size_t i = 0; i < table->count; i++) {
                write_key(&writer, &table->keys[i]);
        }
        close_group(&writer);
        if (fclose(writer.out) != 0 || writer.failed) {
                free(text);
                return NULL;
        }
        return text;
}
