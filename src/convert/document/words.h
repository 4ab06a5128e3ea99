/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_DOCUMENT_WORDS_H
#define CONVERT_DOCUMENT_WORDS_H

#include "convert/document/expand.h"

/** A shell script, of which only simple commands are understood. */
struct shell {
        const char *text; /* the rest */
        unsigned int line;
        const struct expander *expander;
        const char *directory; /* what `pwd` prints */
};

/** Reads the next command. *ret is NULL at the end of the text. *ret_line is where it begins. 0 or
 * -ENOMEM; the caller frees *ret with strv_free(). */
int shell_next(struct shell *shell, char ***ret, unsigned int *ret_line);

/** Splits a value of a unit file at blanks, with its quotes and escapes (systemd.syntax(7)). 0 or
 * -ENOMEM. */
int words_split_unit(const char *text, char ***ret);

#endif
