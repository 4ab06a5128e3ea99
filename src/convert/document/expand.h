/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_DOCUMENT_EXPAND_H
#define CONVERT_DOCUMENT_EXPAND_H

#include <stddef.h>
#include <stdio.h>

/** Variables as in a shell and in compose files: $NAME, ${NAME}, ${NAME:-DEFAULT}, .. */
struct expander {
        /* The value of a variable, or NULL. Borrowed until the next call. */
        const char *(*lookup)(void *data, const char *name);
        /* Told of a variable that has no value; message is that of ${NAME:?MESSAGE}, or NULL. */
        void (*missing)(void *data, const char *name, const char *message);
        void *data;
};

/** Writes what a text that begins with "$" stands for. Returns how much of the text it was: 1 if it
 * is no variable, and the sign has been written. */
size_t expand_reference(const struct expander *expander, const char *text, unsigned int depth,
                        FILE *out);

/** A text with its variables replaced; "$$" is a sign. NULL if memory is short. */
char *expand_text(const struct expander *expander, const char *text);

#endif
