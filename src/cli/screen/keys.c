/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/screen/keys.h"

#include <string.h>

#include "base/cleanup.h"

static const struct {
        const char *sequence;
        enum key key;
} sequences[] = {
        { "\033[A", KEY_UP },   { "\033OA", KEY_UP },       { "\033[B", KEY_DOWN },
        { "\033OB", KEY_DOWN }, { "\033[5~", KEY_PAGE_UP }, { "\033[6~", KEY_PAGE_DOWN },
        { "\033[H", KEY_HOME }, { "\033OH", KEY_HOME },     { "\033[1~", KEY_HOME },
        { "\033[F", KEY_END },  { "\033OF", KEY_END },      { "\033[4~", KEY_END },
};

/* The length of a sequence that is none of these: parameters, then a final byte (ECMA-48). */
static size_t sequence_length(const char *bytes, size_t length)
{
        size_t at = 2;

        while (at < length && bytes[at] >= 0x20 && bytes[at] < 0x40) {
                at++;
        }
        return at < length ? at + 1 : length;
}

size_t key_next(const char *bytes, size_t length, int *ret)
{
        if (length == 0) {
                return 0;
        }
        if (bytes[0] != '\033') {
                *ret = (unsigned char)bytes[0];
                return 1;
        }
        for (size_t i = 0; i < ELEMENTS_OF(sequences); i++) {
                size_t size = strlen(sequences[i].sequence);

                if (length >= size && memcmp(bytes, sequences[i].sequence, size) == 0) {
                        *ret = sequences[i].key;
                        return size;
                }
        }
        if (length > 1 && (bytes[1] == '[' || bytes[1] == 'O')) {
                *ret = KEY_OTHER;
                return sequence_length(bytes, length);
        }
        *ret = KEY_ESCAPE;
        return 1;
}
