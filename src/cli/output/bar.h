/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_OUTPUT_BAR_H
#define CLI_OUTPUT_BAR_H

#include <stdbool.h>
#include <stddef.h>

/** Width of a bar in characters. */
#define BAR_WIDTH 8
/** Maximum size of a bar in bytes, including the NUL. */
#define BAR_BYTES (BAR_WIDTH * 3 + 1)

/** Formats a bar of BAR_WIDTH characters that is empty at 0 and full at 1: in eighths of blocks
 * with utf8, and else as "###.....". */
void bar_format(double share, bool utf8, char text[static BAR_BYTES]);

/** Returns whether the environment declares UTF-8 (locale(7): LC_ALL, LC_CTYPE, LANG). */
bool bar_terminal_is_utf8(void);

#endif
