/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_SCANNER_INTERNAL_H
#define CONFIG_SCANNER_INTERNAL_H

#include "config/scanner.h"

/* What the two halves of the scanner share: characters and tokens below, grammar above. */

struct scanner {
        const struct config_source *source;
        struct diagnostics *diagnostics;
        const char *at; /* next character */
        uint32_t line;
        const char *line_start;
        struct config_scan scan;
        size_t keys;
        struct config_place long_string; /* the last string that spans lines: where it begins */
};

/** The place of what begins at `start` on the current line and ends before `end`. */
struct config_place scanner_place(const struct scanner *scanner, const char *start,
                                  const char *end);

/** Reports a syntax error at a place; takes message and hint. -EINVAL, or -ENOMEM. */
int scanner_fail(struct scanner *scanner, const struct config_place *place, char *message,
                 char *hint);

/** Reports a syntax error at the next token: "expected WHAT, not TOKEN". -EINVAL or -ENOMEM. */
int scanner_expected(struct scanner *scanner, const char *what, char *hint);

/** Reports an error that does not end the scan and takes message and hint. 0 or -ENOMEM. */
int scanner_refuse(struct scanner *scanner, const struct config_place *place, char *message,
                   char *hint);

/** Refuses bytes that no definition holds: NUL, a byte order mark, what is not UTF-8. */
int scanner_check_bytes(struct scanner *scanner);

/** Goes past blanks and comments. 0, -EINVAL for a comment without an end, or -ENOMEM. */
int scanner_skip_blanks(struct scanner *scanner);

/** The length of the name at the current position, or 0 where there is none. */
size_t scanner_name_length(const struct scanner *scanner);

/** Adds a mark and returns its index, or -ENOMEM, or -EINVAL (reported) where there are too many.
 */
ssize_t scanner_mark(struct scanner *scanner, enum config_mark_kind kind,
                     const struct config_place *place);

/** Reads a scalar, whose mark exists already. 0, -EINVAL or -ENOMEM. */
int scanner_read_scalar(struct scanner *scanner, size_t mark, bool in_sequence);

/** Whether a scalar can begin here. */
bool scanner_at_scalar(const struct scanner *scanner);

/** Overwrites a stretch of libconfig's text with blanks, lines kept. */
void scanner_blank(struct scanner *scanner, const char *start, const char *end);

#endif
