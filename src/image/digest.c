/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/digest.h"

#include <string.h>

#include "base/strings.h"

#define NAME_LENGTH 6

static const struct {
        char name[NAME_LENGTH + 1];
        unsigned int size;
} algorithms[] = {
        [DIGEST_SHA256] = { "sha256", 32 },
        [DIGEST_SHA512] = { "sha512", 64 },
};

/* Whether the text is an algorithm's name, the separator, and its digits. */
static bool is_digest(const char *text, char separator, enum digest_algorithm *ret)
{
        for (size_t i = 0; i < ELEMENTS_OF(algorithms); i++) {
                const char *rest = string_after(text, algorithms[i].name);
                size_t length = 2 * (size_t)algorithms[i].size;

                if (rest && *rest == separator && strspn(rest + 1, "0123456789abcdef") == length &&
                    rest[1 + length] == '\0') {
                        *ret = (enum digest_algorithm)i;
                        return true;
                }
        }
        return false;
}

bool digest_is_valid(const char *text)
{
        enum digest_algorithm ignored;

        return text && is_digest(text, ':', &ignored);
}

enum digest_algorithm digest_algorithm_of(const char *text)
{
        enum digest_algorithm algorithm = DIGEST_SHA256;

        return text && is_digest(text, ':', &algorithm) ? algorithm : DIGEST_SHA256;
}

unsigned int digest_size(enum digest_algorithm algorithm)
{
        return algorithms[algorithm].size;
}

const char *digest_digits(const char *text)
{
        return text + NAME_LENGTH + 1;
}

void digest_copy(const char *text, digest_text ret)
{
        size_t length = strnlen(text, DIGEST_TEXT_LENGTH_MAX);

        memcpy(ret, text, length);
        ret[length] = '\0';
}

void digest_format(enum digest_algorithm algorithm, const uint8_t *hash, digest_text ret)
{
        static const char digits[] = "0123456789abcdef";
        char *place = ret + NAME_LENGTH;

        memcpy(ret, algorithms[algorithm].name, NAME_LENGTH);
        *place++ = ':';
        for (size_t i = 0; i < algorithms[algorithm].size; i++) {
                *place++ = digits[hash[i] >> 4];
                *place++ = digits[hash[i] & 15];
        }
        *place = '\0';
}

void digest_file_name(const char *text, digest_text ret)
{
        digest_copy(text, ret);
        ret[NAME_LENGTH] = '-';
}

bool digest_from_file_name(const char *name, digest_text ret)
{
        enum digest_algorithm ignored;

        if (!is_digest(name, '-', &ignored)) {
                return false;
        }
        digest_copy(name, ret);
        ret[NAME_LENGTH] = ':';
        return true;
}
