/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/output/spark.h"

#include <string.h>

#define LEVELS 8

/* Lower blocks of one more eighth each (U+2581 to U+2588). */
static const char *const blocks[LEVELS] = {
        "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588",
};
static const char plain[LEVELS + 1] = "_.,-=+*#";

static int level_of(double value, double full)
{
        double share = full > 0 ? value / full : 0;
        int level = (int)(share * LEVELS);

        return share <= 0 ? 0 : level >= LEVELS ? LEVELS - 1 : level;
}

void spark_format(const double *values, size_t count, double full, bool utf8,
                  char text[static SPARK_BYTES])
{
        size_t shown = count < SPARK_WIDTH ? count : SPARK_WIDTH;
        char *out = text;

        for (size_t i = shown; i < SPARK_WIDTH; i++) {
                *out++ = ' ';
        }
        for (size_t i = count - shown; i < count; i++) {
                int level = level_of(values[i], full);

                if (utf8) {
                        out = stpcpy(out, blocks[level]);
                } else {
                        *out++ = plain[level];
                }
        }
        *out = '\0';
}
