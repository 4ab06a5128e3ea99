/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_SUGGEST_H
#define CONFIG_SUGGEST_H

#include <stddef.h>

/** The nearest of several words to one that was mistyped. */
struct suggestion {
        const char *word;
        size_t distance;
};

#define SUGGESTION_INIT \
        {               \
                NULL, 3 \
        }

/** Considers a candidate; keeps the nearest within two edits (a swap of neighbours is one) that
 * leave half of the word as it is, the first of equals. */
void suggest(struct suggestion *best, const char *word, const char *candidate);

#endif
