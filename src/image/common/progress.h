/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_COMMON_PROGRESS_H
#define IMAGE_COMMON_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/* What the user sees while blobs are fetched: one bar per blob on a terminal, otherwise one line
 * per change, or JSON events, one per line. */

enum progress_mode {
        PROGRESS_NONE,
        PROGRESS_LINES, /* standard error */
        PROGRESS_BARS,  /* standard error, a terminal */
        PROGRESS_JSON,  /* standard output */
};

struct progress_item {
        char *label;
        const char *state; /* "waiting", "fetching", "unpacking", "done", "present" */
        uint64_t done;
        uint64_t total;
        uint64_t first;   /* bytes present at the start */
        uint64_t started; /* log_now() when the first byte came */
};

struct progress {
        enum progress_mode mode;
        struct progress_item *items;
        size_t count;
        size_t drawn;  /* lines on the terminal */
        uint64_t last; /* log_now() of the last drawing */
};

/** Adds an item; label is copied. Returns its number or -ENOMEM. */
int progress_add(struct progress *progress, const char *label, uint64_t total);

/** Sets an item's state. The text is not copied. */
void progress_state(struct progress *progress, int item, const char *state);

/** Sets the number of bytes that an item has. */
void progress_bytes(struct progress *progress, int item, uint64_t done);

/** Prints a note for the user. */
void progress_note(struct progress *progress, const char *format, ...) _printf_(2, 3);

void progress_clear(struct progress *progress);
#define _cleanup_progress_ _cleanup_(progress_clear)

#endif
