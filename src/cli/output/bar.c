/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/output/bar.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

#define EIGHTHS 8

/* A light shade, which makes the end of the bar visible, and blocks filled from the left by one
 * more eighth each (U+258F to U+2588). */
static const char *const blocks[EIGHTHS + 1] = {
        "\u2591", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a", "\u2589", "\u2588",
};

void bar_format(double share, bool utf8, char text[static BAR_BYTES])
{
        double bounded = share < 0 ? 0 : share > 1 ? 1 : share;
        int eighths = (int)(bounded * BAR_WIDTH * EIGHTHS + 0.5);
        char *out = text;

        for (int i = 0; i < BAR_WIDTH; i++) {
                int filled = eighths - i * EIGHTHS;

                filled = filled < 0 ? 0 : filled > EIGHTHS ? EIGHTHS : filled;
                if (utf8) {
                        out = stpcpy(out, blocks[filled]);
                } else {
                        *out++ = filled >= EIGHTHS / 2 ? '#' : '.';
                }
        }
        *out = '\0';
}

bool bar_terminal_is_utf8(void)
{
        static const char *const variables[] = { "LC_ALL", "LC_CTYPE", "LANG" };

        for (size_t i = 0; i < ELEMENTS_OF(variables); i++) {
                const char *value = getenv(variables[i]);

                if (value && *value) {
                        return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
                }
        }
        return false;
}
