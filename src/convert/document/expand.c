/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "convert/document/expand.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* Of defaults that contain variables. */
#define DEPTH_MAXIMUM 8

static size_t name_length(const char *text)
{
        size_t length = 0;

        if (isalpha((unsigned char)text[0]) || text[0] == '_') {
                while (isalnum((unsigned char)text[length]) || text[length] == '_') {
                        length++;
                }
        }
        return length;
}

/* The length of a text up to the brace that ends it; SIZE_MAX if there is none. */
static size_t braced_length(const char *text)
{
        size_t open = 0;

        for (size_t i = 0; text[i]; i++) {
                if (text[i] == '$' && text[i + 1] == '{') {
                        open++;
                } else if (text[i] == '}' && open-- == 0) {
                        return i;
                }
        }
        return (size_t)-1;
}

static void write_expanded(const struct expander *expander, const char *text, unsigned int depth,
                           FILE *out)
{
        while (*text) {
                if (*text == '$' && text[1] == '$') {
                        fputc('$', out);
                        text += 2;
                } else if (*text == '$') {
                        text += expand_reference(expander, text, depth, out);
                } else {
                        fputc(*text++, out);
                }
        }
}

/* The rest of ${NAME..: an operator and its word. */
static void expand_operator(const struct expander *expander, const char *name, const char *rest,
                            unsigned int depth, FILE *out)
{
        const char *value = expander->lookup(expander->data, name);
        bool colon = rest[0] == ':';
        char operator= rest[colon];
        const char *word = operator? rest + colon + 1 : "";
        bool given = value && (!colon || value[0]);

        if (operator== '+') {
                write_expanded(expander, given ? word : "", depth + 1, out);
        } else if (given) {
                fputs(value, out);
        } else if (operator== '-') {
                write_expanded(expander, word, depth + 1, out);
        } else if (!value || operator== '?') {
                expander->missing(expander->data, name, operator== '?' ? word : NULL);
        }
}

size_t expand_reference(const struct expander *expander, const char *text, unsigned int depth,
                        FILE *out)
{
        bool brace = text[1] == '{';
        size_t length = name_length(text + 1 + brace);
        size_t end = brace ? braced_length(text + 2) : length;
        _cleanup_free_ char *name = strndup(text + 1 + brace, length);
        _cleanup_free_ char *rest = NULL;

        if (length == 0 || end == (size_t)-1 || depth > DEPTH_MAXIMUM || !name) {
                fputc('$', out);
                return 1;
        }
        rest = brace ? strndup(text + 2 + length, end - length) : strdup("");
        if (rest && rest[0] && !strchr(":-?+", rest[0])) {
                fputc('$', out);
                return 1;
        }
        if (rest) {
                expand_operator(expander, name, rest, depth, out);
        }
        return brace ? end + 3 : length + 1;
}

char *expand_text(const struct expander *expander, const char *text)
{
        char *result = NULL;
        size_t length;
        FILE *out = open_memstream(&result, &length);

        if (!out) {
                return NULL;
        }
        write_expanded(expander, text, 0, out);
        if (fclose(out) != 0) {
                free(result);
                return NULL;
        }
        return result;
}
