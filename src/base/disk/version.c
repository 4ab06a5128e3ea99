/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/disk/disk.h"

#include <ctype.h>
#include <string.h>

/* The version format specification (UAPI.10): a version is compared part by part, from the left. */

static bool is_version_character(char c)
{
        return isalnum((unsigned char)c) || (c && strchr("~-^.", c));
}

static int sign(int number)
{
        return (number > 0) - (number < 0);
}

static const char *skip_separators(const char *text)
{
        while (*text && !is_version_character(*text)) {
                text++;
        }
        return text;
}

/* "~" sorts before everything, even the end; "-", "^" and "." in this order before what follows an
 * earlier end. Returns whether the comparison has ended; both texts are past the mark otherwise. */
static bool compare_marks(const char **a, const char **b, int *ret)
{
        static const char marks[] = "~-^.";

        for (const char *mark = marks; *mark; mark++) {
                if (*mark == '-' && (!**a || !**b)) {
                        *ret = sign((**a != '\0') - (**b != '\0'));
                        return true;
                }
                if (**a != *mark && **b != *mark) {
                        continue;
                }
                if (**a != **b) {
                        *ret = **a == *mark ? -1 : 1;
                        return true;
                }
                (*a)++;
                (*b)++;
                return false;
        }
        return false;
}

static int compare_numbers(const char **a, const char **b)
{
        size_t first, second;
        int order;

        *a += strspn(*a, "0");
        *b += strspn(*b, "0");
        first = strspn(*a, "0123456789");
        second = strspn(*b, "0123456789");
        order = first == second ? memcmp(*a, *b, first) : first > second ? 1 : -1;
        *a += first;
        *b += second;
        return sign(order);
}

static size_t count_letters(const char *text)
{
        size_t length = 0;

        while (isalpha((unsigned char)text[length])) {
                length++;
        }
        return length;
}

static int compare_letters(const char **a, const char **b)
{
        size_t first = count_letters(*a), second = count_letters(*b);
        int order = memcmp(*a, *b, first < second ? first : second);

        *a += first;
        *b += second;
        return sign(order ? order : (first > second) - (first < second));
}

int disk_compare_versions(const char *a, const char *b)
{
        for (;;) {
                int order = 0;

                a = skip_separators(a);
                b = skip_separators(b);
                if (compare_marks(&a, &b, &order)) {
                        return order;
                }
                if (isdigit((unsigned char)*a) || isdigit((unsigned char)*b)) {
                        order = compare_numbers(&a, &b);
                } else if (isalpha((unsigned char)*a) || isalpha((unsigned char)*b)) {
                        order = compare_letters(&a, &b);
                } else if (!*a && !*b) {
                        return 0;
                }
                if (order) {
                        return order;
                }
        }
}
