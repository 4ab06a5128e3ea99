/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/diagnostics/diagnostics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"

/* More are not readable, and a hostile file could cause millions. */
#define FINDINGS_MAXIMUM 1000

static void place_clear(struct diagnostic_place *place)
{
        free(place->file);
        free(place->text);
}

void diagnostic_clear(struct diagnostic *finding)
{
        place_clear(&finding->place);
        place_clear(&finding->related);
        free(finding->message);
        free(finding->hint);
        free(finding->related_message);
        *finding = (struct diagnostic){ 0 };
}

void diagnostics_clear(struct diagnostics *diagnostics)
{
        for (size_t i = 0; i < diagnostics->count; i++) {
                diagnostic_clear(&diagnostics->items[i]);
        }
        free(diagnostics->items);
        *diagnostics = (struct diagnostics){ .strict = diagnostics->strict };
}

bool diagnostics_is_full(const struct diagnostics *diagnostics)
{
        return diagnostics->count >= FINDINGS_MAXIMUM;
}

int diagnostics_add(struct diagnostics *diagnostics, struct diagnostic *finding)
{
        struct diagnostic *grown;

        if (diagnostics->strict) {
                finding->severity = DIAGNOSTIC_ERROR;
        }
        if (finding->severity == DIAGNOSTIC_ERROR) {
                diagnostics->errors++;
        } else {
                diagnostics->warnings++;
        }
        if (diagnostics_is_full(diagnostics)) {
                diagnostic_clear(finding);
                return 0;
        }
        grown = reallocarray(diagnostics->items, diagnostics->count + 1, sizeof *grown);
        if (!grown || !finding->message || !finding->place.file) {
                diagnostics->items = grown ? grown : diagnostics->items;
                diagnostic_clear(finding);
                return -ENOMEM;
        }
        grown[diagnostics->count++] = *finding;
        diagnostics->items = grown;
        *finding = (struct diagnostic){ 0 };
        return 0;
}

static int compare_places(const struct diagnostic_place *a, const struct diagnostic_place *b)
{
        int order = strcmp(a->file, b->file);

        if (order != 0) {
                return order;
        }
        if (a->line != b->line) {
                return a->line < b->line ? -1 : 1;
        }
        return a->column < b->column ? -1 : a->column > b->column;
}

/* qsort(3) need not be stable, so this is an insertion sort: findings at equal places keep their
 * order, and the collection is small and mostly sorted. */
void diagnostics_sort(struct diagnostics *diagnostics)
{
        for (size_t i = 1; i < diagnostics->count; i++) {
                struct diagnostic item = diagnostics->items[i];
                size_t k = i;

                while (k > 0 && compare_places(&diagnostics->items[k - 1].place, &item.place) > 0) {
                        diagnostics->items[k] = diagnostics->items[k - 1];
                        k--;
                }
                diagnostics->items[k] = item;
        }
}

struct colours {
        const char *bold;
        const char *error;
        const char *warning;
        const char *note;
        const char *plain;
};

static const struct colours colours_on = {
        .bold = "\033[1m",
        .error = "\033[1;31m",
        .warning = "\033[1;35m",
        .note = "\033[1;36m",
        .plain = "\033[0m",
};
static const struct colours colours_off = { "", "", "", "", "" };

static void write_position(FILE *out, const struct diagnostic_place *place,
                           const struct colours *colours)
{
        _cleanup_free_ char *file = string_printable(place->file);

        fprintf(out, "%s%s", colours->bold, file ? file : "?");
        if (place->line > 0) {
                fprintf(out, ":%u", place->line);
                if (place->column > 0) {
                        fprintf(out, ":%u", place->column);
                }
        }
        fprintf(out, ":%s ", colours->plain);
}

/* The line with one column per character: characters that move the cursor are shown as a blank
 * (tabs) or a question mark, so that the marks below are aligned. */
static void write_line_text(FILE *out, const char *text)
{
        for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
                bool c1 = *s == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0;

                if (*s == '\t') {
                        fputc(' ', out);
                } else if (*s < 0x20 || *s == 0x7f || c1) {
                        fputc('?', out);
                        s += c1;
                } else {
                        fputc(*s, out);
                }
        }
}

static void write_excerpt(FILE *out, const struct diagnostic *finding,
                          const struct colours *colours)
{
        const struct diagnostic_place *place = &finding->place;
        const char *mark =
                finding->severity == DIAGNOSTIC_ERROR ? colours->error : colours->warning;
        bool has_hint = finding->hint && finding->hint[0];
        _cleanup_free_ char *hint = has_hint ? string_printable(finding->hint) : NULL;

        if (!place->text || place->line == 0) {
                if (hint) {
                        fprintf(out, "%9s%s\n", "", hint);
                }
                return;
        }
        fprintf(out, "%5u | ", place->line);
        write_line_text(out, place->text);
        fprintf(out, "\n      | ");
        if (place->column > 0) {
                fprintf(out, "%*s%s", (int)place->text_column - 1, "", mark);
                for (unsigned int i = 0; i < (place->length ? place->length : 1); i++) {
                        fputc('^', out);
                }
                fprintf(out, "%s%s", colours->plain, hint ? " " : "");
        }
        fprintf(out, "%s\n", hint ? hint : "");
}

static void write_finding(FILE *out, const struct diagnostic *finding,
                          const struct colours *colours)
{
        bool is_error = finding->severity == DIAGNOSTIC_ERROR;
        _cleanup_free_ char *message = string_printable(finding->message);

        write_position(out, &finding->place, colours);
        fprintf(out, "%s%s:%s %s\n", is_error ? colours->error : colours->warning,
                is_error ? "error" : "warning", colours->plain, message ? message : "?");
        write_excerpt(out, finding, colours);
        if (finding->related_message) {
                write_position(out, &finding->related, colours);
                fprintf(out, "%snote:%s %s\n", colours->note, colours->plain,
                        finding->related_message);
        }
}

char *diagnostics_format(struct diagnostics *diagnostics, bool colour)
{
        char *text = NULL;
        size_t length;
        FILE *out = open_memstream(&text, &length);

        if (!out) {
                return NULL;
        }
        diagnostics_sort(diagnostics);
        for (size_t i = 0; i < diagnostics->count; i++) {
                write_finding(out, &diagnostics->items[i], colour ? &colours_on : &colours_off);
        }
        if (diagnostics->errors + diagnostics->warnings > diagnostics->count) {
                fprintf(out, "and %zu more\n",
                        diagnostics->errors + diagnostics->warnings - diagnostics->count);
        }
        if (fclose(out) != 0) {
                free(text);
                return NULL;
        }
        return text;
}
