/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/output/payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strings.h"

#define SGR_RESET "\033[0m"

/* The maximum length: enough to set foreground, background and attributes. */
#define SGR_MAXIMUM 64

/* The length of the SGR sequence at the beginning of the text, or 0. */
static size_t sgr_length(const char *text)
{
        size_t parameters;

        if (text[0] != '\033' || text[1] != '[') {
                return 0;
        }
        parameters = strspn(text + 2, "0123456789;:");
        return parameters <= SGR_MAXIMUM && text[2 + parameters] == 'm' ? parameters + 3 : 0;
}

/* C0 and C1 control characters. */
static bool is_control(const unsigned char *s)
{
        return *s < 0x20 || *s == 0x7f || (*s == 0xc2 && s[1] < 0xa0);
}

/* The number of bytes to copy unchanged: a character, a sequence, or 0. */
static size_t kept(const char *text, bool terminal, bool *coloured)
{
        size_t length = *text ? string_utf8_length(text) : 0;

        if (!terminal || length == 0 || *text == '\t' || !is_control((const unsigned char *)text)) {
                return length;
        }
        length = sgr_length(text);
        *coloured |= length > 0;
        return length;
}

static char *convert(const char *text, size_t length, bool terminal)
{
        /* The terminating NUL stops every look-ahead. */
        _cleanup_free_ char *copy = malloc(length + 1);
        char *result = malloc(length * 4 + sizeof SGR_RESET);
        char *out = result;
        bool coloured = false;

        if (!copy || !result) {
                free(result);
                return NULL;
        }
        memcpy(copy, text, length);
        copy[length] = '\0';
        for (size_t at = 0; at < length;) {
                size_t same = kept(copy + at, terminal, &coloured);

                if (same == 0) {
                        out += sprintf(out, "\\x%02x", (unsigned char)copy[at++]);
                        continue;
                }
                out = mempcpy(out, copy + at, same);
                at += same;
        }
        strcpy(out, coloured ? SGR_RESET : "");
        return result;
}

char *payload_for_terminal(const char *text, size_t length)
{
        /* Lines may end with CR LF. */
        return convert(text, length - (length > 0 && text[length - 1] == '\r'), true);
}

char *payload_for_json(const char *text, size_t length)
{
        return convert(text, length, false);
}
