/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_READ_SCANNER_INTERNAL_H
#define CONFIG_READ_SCANNER_INTERNAL_H

#include "config/read/scanner.h"

/* Shared by the two halves of the scanner: characters and tokens, and the grammar above them. */

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

/** The place of the text from `start` on the current line up to `end`. */
struct config_place scanner_place(const struct scanner *scanner, const char *start,
                                  const char *end);

/** Reports a syntax error at a place. Takes message and hint. -EINVAL or -ENOMEM. */
int scanner_fail(struct scanner *scanner, const struct config_place *place, char *message,
                 char *hint);

/** Reports a syntax error at the next token: "expected WHAT, not TOKEN". -EINVAL or -ENOMEM. */
int scanner_expected(struct scanner *scanner, const char *what, char *hint);

/** Refuses bytes that no definition may contain: NUL, a byte order mark, invalid UTF-8. */
int scanner_check_bytes(struct scanner *scanner);

/** Skips blanks and comments. 0, -EINVAL for an unterminated comment, or -ENOMEM. */
int scanner_skip_blanks(struct scanner *scanner);

/** The length of the name at the current position, or 0 if there is none. */
size_t scanner_name_length(const struct scanner *scanner);

/** Adds a mark and returns its index, -ENOMEM, or -EINVAL (reported) if there are too many. */
ssize_t scanner_mark(struct scanner *scanner, enum config_mark_kind kind,
                     const struct config_place *place);

/** Reads a scalar, whose mark exists already. 0, -EINVAL or -ENOMEM. */
int scanner_read_scalar(struct scanner *scanner, size_t mark, bool in_sequence);

/** Whether a scalar can begin here. */
bool scanner_at_scalar(const struct scanner *scanner);

/** Overwrites a part of the text for libconfig with blanks, keeping line breaks. */
void scanner_blank(struct scanner *scanner, const char *start, const char *end);

#endif
