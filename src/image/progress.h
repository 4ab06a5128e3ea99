/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_PROGRESS_H
#define IMAGE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/* What the user sees while blobs come: a bar for each on a terminal, a line for each change
 * otherwise, or JSON events, one per line. */

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
        uint64_t first;   /* bytes that were there before */
        uint64_t started; /* log_now() when the first byte came */
};

struct progress {
        enum progress_mode mode;
        struct progress_item *items;
        size_t count;
        size_t drawn;  /* lines on the terminal */
        uint64_t last; /* log_now() of the last drawing */
};

/** Adds an item; label is copied. Its number, or -ENOMEM. */
int progress_add(struct progress *progress, const char *label, uint64_t total);

/** Its state changed. The text is not copied. */
void progress_state(struct progress *progress, int item, const char *state);

/** So many bytes are there. */
void progress_bytes(struct progress *progress, int item, uint64_t done);

/** Says something else: a note for the user. */
void progress_note(struct progress *progress, const char *format, ...) _printf_(2, 3);

void progress_clear(struct progress *progress);
#define _cleanup_progress_ _cleanup_(progress_clear)

#endif
