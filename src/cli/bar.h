/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_BAR_H
#define CLI_BAR_H

#include <stdbool.h>
#include <stddef.h>

/** Characters that a bar takes. */
#define BAR_WIDTH 8
/** Bytes that a bar takes at most, with the NUL. */
#define BAR_BYTES (BAR_WIDTH * 3 + 1)

/** A small bar that is full at 1, of BAR_WIDTH characters: eighths of blocks where the terminal
 *  shows UTF-8, else "###.....". Less than 0 is empty, more than 1 full. */
void bar_format(double share, bool utf8, char text[static BAR_BYTES]);

/** Whether the environment says that the terminal shows UTF-8 (locale(7): LC_ALL, LC_CTYPE, LANG).
 */
bool bar_terminal_is_utf8(void);

#endif
