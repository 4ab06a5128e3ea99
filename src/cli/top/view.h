/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_TOP_VIEW_H
#define CLI_TOP_VIEW_H

#include "cli/top/history.h"
#include "cli/top/rows.h"

/** What a frame shows. */
struct view {
        const struct arrangement *arrangement;
        const struct survey *survey;
        const struct histories *histories;
        const struct row *rows;
        size_t count;
        size_t selected; /* row, if there are any */
        size_t first;    /* row at the top */
        bool help;       /* in place of the rows */
        bool colour, utf8;
        unsigned int cpus;
        const char *question, *message; /* for the last line, or NULL */
};

/** How many rows fit on a screen. */
size_t view_page(size_t screen_rows);

/** Makes the text of a frame. NULL if out of memory; the caller frees it. */
char *view_format(const struct view *view, size_t rows, size_t columns);

#endif
