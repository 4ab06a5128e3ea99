/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/limits/numberset.h"

#include <ctype.h>

#include "base/error.h"
#include "base/strings.h"

static int read_number(const char **text, unsigned int *ret)
{
        unsigned int value = 0;

        if (!isdigit((unsigned char)**text)) {
                return -EINVAL;
        }
        for (; isdigit((unsigned char)**text); (*text)++) {
                value = value * 10 + (unsigned int)(**text - '0');
                if (value >= NUMBER_SET_SIZE) {
                        return -ERANGE;
                }
        }
        *ret = value;
        return 0;
}

int number_set_parse(const char *text, struct number_set *ret)
{
        struct number_set set = { 0 };
        bool more = *text && *text != '\n';

        while (more) {
                unsigned int first, last;
                int r = read_number(&text, &first);

                last = first;
                if (r == 0 && *text == '-') {
                        text++;
                        r = read_number(&text, &last);
                }
                if (r < 0) {
                        return r;
                }
                if (last < first) {
                        return -EINVAL;
                }
                for (unsigned int i = first; i <= last; i++) {
                        set.words[i / 64] |= UINT64_C(1) << (i % 64);
                }
                more = *text == ',';
                text += more;
        }
        if (*text && strcmp(text, "\n") != 0) {
                return -EINVAL;
        }
        *ret = set;
        return 0;
}

int number_set_missing(const struct number_set *set, const struct number_set *of)
{
        for (int i = 0; i < NUMBER_SET_SIZE / 64; i++) {
                uint64_t missing = set->words[i] & ~of->words[i];

                if (missing) {
                        return i * 64 + __builtin_ctzll(missing);
                }
        }
        return -1;
}

unsigned int number_set_count(const struct number_set *set)
{
        unsigned int count = 0;

        for (int i = 0; i < NUMBER_SET_SIZE / 64; i++) {
                count += (unsigned int)__builtin_popcountll(set->words[i]);
        }
        return count;
}
