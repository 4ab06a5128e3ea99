/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/digest.h"

#include <string.h>

#include "base/strings.h"

static bool is_hex(const char *text)
{
        return strspn(text, "0123456789abcdef") == DIGEST_HEX_LENGTH &&
               text[DIGEST_HEX_LENGTH] == '\0';
}

bool digest_is_valid(const char *text)
{
        const char *hex = text ? string_after(text, DIGEST_PREFIX) : NULL;

        return hex && is_hex(hex);
}

void digest_format(const uint8_t hash[static DIGEST_SIZE], digest_text ret)
{
        static const char digits[] = "0123456789abcdef";
        char *place = ret + strlen(DIGEST_PREFIX);

        memcpy(ret, DIGEST_PREFIX, strlen(DIGEST_PREFIX));
        for (size_t i = 0; i < DIGEST_SIZE; i++) {
                *place++ = digits[hash[i] >> 4];
                *place++ = digits[hash[i] & 15];
        }
        *place = '\0';
}

void digest_file_name(const char *text, digest_text ret)
{
        memcpy(ret, text, DIGEST_TEXT_LENGTH);
        ret[strlen(DIGEST_PREFIX) - 1] = '-';
        ret[DIGEST_TEXT_LENGTH] = '\0';
}

bool digest_from_file_name(const char *name, digest_text ret)
{
        const char *hex = string_after(name, "sha256-");

        if (!hex || !is_hex(hex)) {
                return false;
        }
        memcpy(ret, DIGEST_PREFIX, strlen(DIGEST_PREFIX));
        memcpy(ret + strlen(DIGEST_PREFIX), hex, DIGEST_HEX_LENGTH + 1);
        return true;
}
