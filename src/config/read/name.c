/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/read/name.h"

#include <string.h>

#include "base/strings.h"

#define NAME_MAXIMUM 64 /* the limit of sethostname(2): the name is the default host name */

#define LETTERS_AND_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* The length of the name that text begins with. */
static size_t name_length(const char *text)
{
        return text[0] && strchr(LETTERS_AND_DIGITS, text[0])
                       ? strspn(text, LETTERS_AND_DIGITS "._-")
                       : 0;
}

/* "a.machine" is the file of machine "a" on every command line. */
static bool is_file_name(const char *text)
{
        static const char *const suffixes[] = { ".machine", ".network", ".volume", ".pod" };

        for (size_t i = 0; i < ELEMENTS_OF(suffixes); i++) {
                if (string_ends_with(text, suffixes[i])) {
                        return true;
                }
        }
        return false;
}

bool config_name_is_valid(const char *text)
{
        size_t length = name_length(text);

        return length > 0 && length <= NAME_MAXIMUM && !text[length] && !is_file_name(text);
}

bool config_machine_name_is_valid(const char *text)
{
        size_t length = name_length(text);

        if (text[length] != '@') {
                return config_name_is_valid(text);
        }
        return length > 0 && strlen(text) <= NAME_MAXIMUM && !is_file_name(text) &&
               config_name_is_valid(text + length + 1);
}

bool config_name_is_template(const char *text)
{
        size_t length = name_length(text);

        return length > 0 && length < NAME_MAXIMUM && strcmp(text + length, "@") == 0;
}
