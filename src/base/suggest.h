/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include <stddef.h>

/** The word nearest to a mistyped one. */
struct suggestion {
        const char *word;
        size_t distance;
};

#define SUGGESTION_INIT \
        {               \
                NULL, 3 \
        }

/** Considers a candidate; keeps the nearest within two edits (a swap of neighbours is one) that
 * keep at least half of the word, the first one among equals. */
void suggest(struct suggestion *best, const char *word, const char *candidate);

#endif
