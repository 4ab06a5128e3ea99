/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_SCREEN_LINE_H
#define CLI_SCREEN_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/** A line of a frame, which is never longer than the screen is wide. */
struct line {
        FILE *out;
        size_t room; /* columns that are left */
        bool colour;
};

/** Adds a text in a column: padded, to the left with `right`, or cut, to `width`; 0 is as wide as
 * the text. Bytes that are no printable UTF-8 are escaped. style is that of SGR, such as "1;32", or
 * NULL. Returns 0 or -ENOMEM. */
int line_add(struct line *line, const char *text, size_t width, bool right, const char *style);

/** Ends the line. */
void line_end(struct line *line);

#endif
