/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/suggest.h"

#include <stdlib.h>
#include <string.h>

/* Longer words are not typing errors. */
#define WORD_MAXIMUM 63

static size_t minimum(size_t a, size_t b)
{
        return a < b ? a : b;
}

/* Optimal string alignment distance: insertion, deletion, replacement, swap of neighbours. */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
        size_t rows[3][WORD_MAXIMUM + 1];
        size_t *before = rows[0], *above = rows[1], *row = rows[2];

        for (size_t k = 0; k <= b_length; k++) {
                above[k] = k;
        }
        for (size_t i = 1; i <= a_length; i++) {
                size_t *oldest = before;

                row[0] = i;
                for (size_t k = 1; k <= b_length; k++) {
                        size_t replaced = above[k - 1] + (a[i - 1] != b[k - 1]);

                        row[k] = minimum(replaced, minimum(above[k], row[k - 1]) + 1);
                        if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1]) {
                                row[k] = minimum(row[k], before[k - 2] + 1);
                        }
                }
                before = above;
                above = row;
                row = oldest;
        }
        return above[b_length];
}

void suggest(struct suggestion *best, const char *word, const char *candidate)
{
        size_t a = strlen(word), b = strlen(candidate), d;
        size_t difference = a > b ? a - b : b - a;

        /* Two edits turn any two letters into any other two, and keep only one of three. */
        if (a > WORD_MAXIMUM || b > WORD_MAXIMUM || difference >= best->distance || a < 3) {
                return;
        }
        d = distance(word, a, candidate, b);
        if (d < best->distance && d < b && 2 * d <= a) {
                *best = (struct suggestion){ candidate, d };
        }
}
