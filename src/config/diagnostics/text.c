/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "base/strings.h"
#include "config/diagnostics/diagnostics.h"
#include "config/diagnostics/fold.h"

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

static void write_repeats(FILE *out, const struct diagnostic_repeats *repeats, bool is_error)
{
        fprintf(out, "      = and %zu more %s%s of this kind", repeats->count,
                is_error ? "error" : "warning", repeats->count == 1 ? "" : "s");
        if (repeats->files > 0) {
                fprintf(out, ", in %zu more file%s", repeats->files,
                        repeats->files == 1 ? "" : "s");
        }
        fputs(" (check --json lists them)\n", out);
}

/* Writes those findings that do not repeat others; `places` has an element for each. */
static void write_findings(FILE *out, const struct diagnostics *diagnostics,
                           const struct diagnostic_repeats *places, const struct colours *colours)
{
        size_t found = diagnostics->errors + diagnostics->warnings;

        for (size_t i = 0; i < diagnostics->count; i++) {
                const struct diagnostic *finding = &diagnostics->items[i];

                if (!places[i].hidden) {
                        write_finding(out, finding, colours);
                }
                if (places[i].count > 0) {
                        write_repeats(out, &places[i], finding->severity == DIAGNOSTIC_ERROR);
                }
        }
        if (found > diagnostics->count) {
                fprintf(out, "and %zu more\n", found - diagnostics->count);
        }
}

char *diagnostics_format(struct diagnostics *diagnostics, bool colour)
{
        _cleanup_free_ struct diagnostic_repeats *places = NULL;
        char *text = NULL;
        size_t length;
        FILE *out;

        diagnostics_sort(diagnostics);
        if (diagnostics_fold(diagnostics, &places) < 0) {
                return NULL;
        }
        out = open_memstream(&text, &length);
        if (!out) {
                return NULL;
        }
        write_findings(out, diagnostics, places, colour ? &colours_on : &colours_off);
        if (fclose(out) != 0) {
                free(text);
                return NULL;
        }
        return text;
}
