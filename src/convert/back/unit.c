/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "convert/back/back.h"

/* Unit files: systemd.syntax(7). */

/* ---- Lines ---- */

void back_line(struct back *back, const char *section, const char *name, const char *format, ...)
{
        _cleanup_free_ char *value = STRING_OF_ARGUMENTS(format);
        char *line;

        if (!value) {
                back->conversion->failed = -ENOMEM;
                return;
        }
        if (strpbrk(value, "\n\r")) {
                convert_lost(back->conversion, "a value with more than one line");
                return;
        }
        line = string_format("%s=%s", name, value);
        for (size_t i = 0; i < BACK_SECTIONS_MAXIMUM; i++) {
                struct back_section *place = &back->sections[i];

                if (place->name && strcmp(place->name, section) != 0) {
                        continue;
                }
                place->name = section;
                if (strv_take(&place->lines, line) < 0) {
                        back->conversion->failed = -ENOMEM;
                }
                return;
        }
        free(line);
}

char *back_write_units(struct back *back)
{
        static const char *const order[] = { "Unit",    "Container", "Exec",   "Files",
                                             "Network", "Service",   "Install" };
        char *text = NULL;
        size_t length;
        FILE *out = open_memstream(&text, &length);
        bool first = true;

        for (size_t i = 0; out && i < ELEMENTS_OF(order); i++) {
                for (size_t j = 0; j < BACK_SECTIONS_MAXIMUM; j++) {
                        const struct back_section *section = &back->sections[j];

                        if (!section->name || strcmp(section->name, order[i]) != 0) {
                                continue;
                        }
                        fprintf(out, "%s[%s]\n", first ? "" : "\n", section->name);
                        first = false;
                        STRV_FOREACH(line, section->lines) {
                                fprintf(out, "%s\n", *line);
                        }
                }
        }
        if (!out || fclose(out) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

/* ---- Values ---- */

char *back_text(const json_t *value)
{
        if (json_is_string(value)) {
                return strdup(json_string_value(value));
        }
        if (json_is_integer(value)) {
                return string_format("%" JSON_INTEGER_FORMAT, json_integer_value(value));
        }
        return strdup(json_is_true(value) ? "true" : "false");
}

unsigned long long back_seconds(const char *text)
{
        uint64_t usec = 0;

        (void)quantity_parse_time(text, &usec);
        return (usec + USEC_PER_SEC - 1) / USEC_PER_SEC;
}

unsigned long long back_bytes(const json_t *value)
{
        uint64_t bytes = 0;

        if (json_is_integer(value)) {
                return (unsigned long long)json_integer_value(value);
        }
        if (json_is_string(value)) {
                (void)quantity_parse_size(json_string_value(value), &bytes);
        }
        return bytes;
}

/* A value in a unit file, in which "%" begins a specifier. */
static char *escaped(const char *text, bool quoted)
{
        char *result = NULL;
        size_t length;
        FILE *out = open_memstream(&result, &length);

        for (const char *s = text; out && *s; s++) {
                if (*s == '%') {
                        fputs("%%", out);
                } else if (quoted && *s == '\n') {
                        fputs("\\n", out);
                } else if (quoted && strchr("\"\\", *s)) {
                        fprintf(out, "\\%c", *s);
                } else {
                        fputc(*s, out);
                }
        }
        if (!out || fclose(out) != 0) {
                free(result);
                return NULL;
        }
        return result;
}

static char *quoted_word(const char *text)
{
        _cleanup_free_ char *inner = escaped(text, true);
        bool plain = *text && !strpbrk(text, " \t\n\"'\\;");

        return !inner ? NULL : string_format(plain ? "%s" : "\"%s\"", inner);
}

static void add_value(struct back *back, const struct back_row *row, const json_t *value)
{
        _cleanup_free_ char *text = back_text(value);
        _cleanup_free_ char *safe = text ? escaped(text, false) : NULL;

        if (!safe) {
                back->conversion->failed = -ENOMEM;
                return;
        }
        back_line(back, row->section, row->name, "%s%s", row->text ? row->text : "", safe);
}

BACK_TAKE(text)
{
        add_value(back, row, value);
}

BACK_TAKE(each)
{
        size_t index;
        json_t *element;

        json_array_foreach(value, index, element)
        {
                add_value(back, row, element);
        }
}

static char *quoted_words(const json_t *value)
{
        _cleanup_strv_ char **words = NULL;
        size_t index;
        json_t *element;

        json_array_foreach(value, index, element)
        {
                if (strv_take(&words, quoted_word(json_string_value(element))) < 0) {
                        return NULL;
                }
        }
        return strv_join(words, " ");
}

BACK_TAKE(words)
{
        _cleanup_free_ char *text = quoted_words(value);

        if (text) {
                back_line(back, row->section, row->name, "%s", text);
        } else {
                back->conversion->failed = -ENOMEM;
        }
}

BACK_TAKE(quoted)
{
        size_t index;
        json_t *element;

        json_array_foreach(value, index, element)
        {
                _cleanup_free_ char *word = quoted_word(json_string_value(element));

                back_line(back, row->section, row->name, "%s", word ? word : "");
        }
}

BACK_TAKE(joined)
{
        back_take_words(back, row, value);
}

BACK_TAKE(seconds)
{
        const char *text = json_string_value(value);

        if (!text || strcmp(text, "max") == 0) {
                back_line(back, row->section, row->name, "infinity");
        } else {
                back_line(back, row->section, row->name, "%s%llus", row->text ? row->text : "",
                          back_seconds(text));
        }
}

/* An option that only podman's command line has. */
BACK_TAKE(option)
{
        _cleanup_free_ char *text = back_text(value);
        _cleanup_free_ char *both = string_format("--%s=%s", row->name, text ? text : "");
        _cleanup_free_ char *word = both ? quoted_word(both) : NULL;

        if (json_is_array(value)) {
                size_t index;
                json_t *element;

                json_array_foreach(value, index, element)
                {
                        back_take_option(back, row, element);
                }
                return;
        }
        back_line(back, "Container", "PodmanArgs", "%s", word ? word : "");
}

/* "max" is -1 in other formats. */
BACK_TAKE(resource)
{
        _cleanup_free_ char *text = back_text(value);
        const char *hard = text ? strchr(text, ':') : NULL;
        bool soft_max = text && string_after(text, "max");
        bool hard_max = hard && strcmp(hard, ":max") == 0;

        if (!text) {
                back->conversion->failed = -ENOMEM;
                return;
        }
        back_line(back, row->section, row->name, "%s%.*s%s", row->text ? row->text : "",
                  (int)(soft_max ? 2 : strcspn(text, ":")), soft_max ? "-1" : text,
                  hard_max ? ":-1"
                  : hard   ? hard
                           : "");
}

BACK_TAKE(lost)
{
        convert_lost(back->conversion, "%s", row->text);
}

BACK_TAKE(no_effect)
{
}
