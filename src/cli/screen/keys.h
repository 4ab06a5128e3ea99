/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_SCREEN_KEYS_H
#define CLI_SCREEN_KEYS_H

#include <stddef.h>

/** Keys that are no characters. */
enum key {
        KEY_UP = 256,
        KEY_DOWN,
        KEY_PAGE_UP,
        KEY_PAGE_DOWN,
        KEY_HOME,
        KEY_END,
        KEY_ESCAPE,
        KEY_OTHER, /* one that has no meaning here */
};

#define KEY_CONTROL(letter) ((letter)&0x1f)

/** Takes the first key from what was read of a terminal. Returns how many bytes it has, 0 for
 * none. */
size_t key_next(const char *bytes, size_t length, int *ret);

#endif
