/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/strings.h"
#include "image/document/document.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* The value of "\uXXXX", or -1 if the text does not begin with such an escape. */
static int escape_value(const char *text, size_t length)
{
        int value = 0;

        if (length < 6 || text[0] != '\\' || text[1] != 'u') {
                return -1;
        }
        for (size_t i = 2; i < 6; i++) {
                const char *digits = "0123456789abcdef";
                const char *found = text[i] ? strchr(digits, text[i] | 0x20) : NULL;

                if (!found) {
                        return -1;
                }
                value = value << 4 | (int)(found - digits);
        }
        return value;
}

/* The length of the text to keep, or to replace if *ret_bad is set. */
static size_t escape_length(const char *text, size_t length, bool *ret_bad)
{
        int value = escape_value(text, length);

        if (value >= 0xd800 && value < 0xdc00) {
                int low = escape_value(text + 6, length - 6);

                *ret_bad = low < 0xdc00 || low > 0xdfff;
                return *ret_bad ? 6 : 12;
        }
        *ret_bad = value == 0 || (value >= 0xdc00 && value <= 0xdfff);
        return value >= 0 ? 6 : length < 2 ? length : 2;
}

static size_t next_length(const char *text, size_t length, bool *ret_bad)
{
        size_t sequence;

        if (*text == '\\') {
                return escape_length(text, length, ret_bad);
        }
        sequence = *text ? string_utf8_length(text) : 0;
        *ret_bad = *text && sequence == 0;
        return sequence > 0 ? sequence : 1;
}

/* Escapes occur only in strings: elsewhere a backslash makes the JSON invalid, before and after. */
int document_mend(const char *text, size_t length, char **ret, size_t *ret_length)
{
        /* Terminated by a NUL, which ends the searches in it. */
        _cleanup_free_ char *whole = calloc(1, length + 1);
        char *mended = NULL;
        size_t mended_length = 0;
        FILE *file = whole ? open_memstream(&mended, &mended_length) : NULL;

        if (!file) {
                return -ENOMEM;
        }
        memcpy(whole, text, length);
        for (size_t at = 0; at < length;) {
                bool bad;
                size_t step = next_length(whole + at, length - at, &bad);

                (void)fwrite(bad ? REPLACEMENT : whole + at, 1, bad ? strlen(REPLACEMENT) : step,
                             file);
                at += step;
        }
        if (fclose(file) != 0) {
                free(mended);
                return -ENOMEM;
        }
        *ret = mended;
        *ret_length = mended_length;
        return 0;
}
