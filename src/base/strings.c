/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/strings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

bool string_equal(const char *a, const char *b)
{
        return a == b || (a && b && strcmp(a, b) == 0);
}

const char *string_after(const char *string, const char *prefix)
{
        size_t length = strlen(prefix);

        return strncmp(string, prefix, length) == 0 ? string + length : NULL;
}

bool string_ends_with(const char *string, const char *suffix)
{
        size_t length = strlen(string);
        size_t suffix_length = strlen(suffix);

        return length >= suffix_length && strcmp(string + length - suffix_length, suffix) == 0;
}

char *string_format_list(const char *format, va_list arguments)
{
        char text[256], *result;
        va_list again;
        int length;

        va_copy(again, arguments);
        length = vsnprintf(text, sizeof text, format, arguments);
        result = length < 0 ? NULL : malloc((size_t)length + 1);
        if (result && (size_t)length < sizeof text) {
                memcpy(result, text, (size_t)length + 1);
        } else if (result) {
                (void)vsnprintf(result, (size_t)length + 1, format, again);
        }
        va_end(again);
        return result;
}

char *string_format(const char *format, ...)
{
        char *result = STRING_OF_ARGUMENTS(format);

        return result;
}

int string_replace(char **place, const char *value)
{
        char *copy = NULL;

        if (value) {
                copy = strdup(value);
                if (!copy) {
                        return -ENOMEM;
                }
        }
        free(*place);
        *place = copy;
        return 0;
}

size_t string_utf8_length(const char *string)
{
        const unsigned char *s = (const unsigned char *)string;
        size_t length;
        unsigned int value;

        if (s[0] < 0x80) {
                return 1;
        }
        if (s[0] >= 0xc2 && s[0] <= 0xdf) {
                length = 2;
                value = s[0] & 0x1f;
        } else if ((s[0] & 0xf0) == 0xe0) {
                length = 3;
                value = s[0] & 0x0f;
        } else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
                length = 4;
                value = s[0] & 0x07;
        } else {
                return 0;
        }
        for (size_t i = 1; i < length; i++) {
                if ((s[i] & 0xc0) != 0x80) {
                        return 0;
                }
                value = (value << 6) | (s[i] & 0x3f);
        }
        if (length == 3 && (value < 0x800 || (value >= 0xd800 && value <= 0xdfff))) {
                return 0;
        }
        if (length == 4 && (value < 0x10000 || value > 0x10ffff)) {
                return 0;
        }
        return length;
}

/* C0 and C1 control characters affect a terminal. */
static bool is_control(const unsigned char *s)
{
        return *s < 0x20 || *s == 0x7f || (*s == 0xc2 && s[1] < 0xa0);
}

char *string_printable(const char *string)
{
        const unsigned char *s = (const unsigned char *)string;
        char *result = malloc(strlen(string) * 4 + 1);
        char *out = result;

        if (!result) {
                return NULL;
        }
        while (*s) {
                size_t length = string_utf8_length((const char *)s);

                if (length == 0 || is_control(s)) {
                        out += sprintf(out, "\\x%02x", *s++);
                        continue;
                }
                memcpy(out, s, length);
                out += length;
                s += length;
        }
        *out = '\0';
        return result;
}

char *string_shell_quoted(const char *string)
{
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                    "_@%+=:,./-";
        char *result, *out;

        if (*string && strspn(string, plain) == strlen(string)) {
                return strdup(string);
        }
        result = out = malloc(strlen(string) * 4 + 3);
        if (!result) {
                return NULL;
        }
        *out++ = '\'';
        for (; *string; string++) {
                if (*string == '\'') {
                        out = stpcpy(out, "'\\''");
                } else {
                        *out++ = *string;
                }
        }
        strcpy(out, "'");
        return result;
}

uint64_t string_hash(const void *data, size_t length)
{
        const unsigned char *bytes = data;
        uint64_t hash = UINT64_C(14695981039346656037);

        for (size_t i = 0; i < length; i++) {
                hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
        }
        return hash;
}

size_t strv_length(char *const *strings)
{
        size_t n = 0;

        STRV_FOREACH(string, strings) {
                n++;
        }
        return n;
}

void strv_free(char **strings)
{
        STRV_FOREACH(string, strings) {
                free(*string);
        }
        free(strings);
}

char **strv_copy(char *const *strings)
{
        size_t n = strv_length(strings);
        char **copy;

        if (!strings) {
                return NULL;
        }
        copy = calloc(n + 1, sizeof *copy);
        for (size_t i = 0; copy && i < n; i++) {
                copy[i] = strdup(strings[i]);
                if (!copy[i]) {
                        strv_free(copy);
                        return NULL;
                }
        }
        return copy;
}

int strv_take(char ***strings, char *string)
{
        size_t n = strv_length(*strings);
        char **grown;

        if (!string) {
                return -ENOMEM;
        }
        grown = reallocarray(*strings, n + 2, sizeof *grown);
        if (!grown) {
                free(string);
                return -ENOMEM;
        }
        grown[n] = string;
        grown[n + 1] = NULL;
        *strings = grown;
        return 0;
}

int strv_append(char ***strings, const char *string)
{
        return strv_take(strings, strdup(string));
}

static int compare_strings(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(char **strings)
{
        if (strings) {
                qsort(strings, strv_length(strings), sizeof *strings, compare_strings);
        }
}

bool strv_contains(char *const *strings, const char *string)
{
        STRV_FOREACH(candidate, strings) {
                if (strcmp(*candidate, string) == 0) {
                        return true;
                }
        }
        return false;
}

char *strv_join(char *const *strings, const char *separator)
{
        size_t length = 1;
        char *result, *out;

        STRV_FOREACH(string, strings) {
                length += strlen(*string) + strlen(separator);
        }
        result = out = malloc(length);
        if (!result) {
                return NULL;
        }
        *out = '\0';
        STRV_FOREACH(string, strings) {
                if (string != strings) {
                        out = stpcpy(out, separator);
                }
                out = stpcpy(out, *string);
        }
        return result;
}

int strv_split(const char *string, char separator, char ***ret)
{
        _cleanup_strv_ char **parts = NULL;

        for (;;) {
                const char *end = strchrnul(string, separator);
                int r = strv_take(&parts, strndup(string, (size_t)(end - string)));

                if (r < 0) {
                        return r;
                }
                if (!*end) {
                        break;
                }
                string = end + 1;
        }
        *ret = TAKE_PTR(parts);
        return 0;
}

int strv_set_variable(char ***environment, char *entry)
{
        size_t length;

        if (!entry) {
                return -ENOMEM;
        }
        length = strcspn(entry, "=") + 1;
        for (char **at = *environment; at && *at; at++) {
                if (strncmp(*at, entry, length) == 0) {
                        free(*at);
                        *at = entry;
                        return 0;
                }
        }
        return strv_take(environment, entry);
}
