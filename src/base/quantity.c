/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/quantity.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

struct unit {
        const char *name;
        uint64_t factor;
};

#define KIBI UINT64_C(1024)

static const struct unit size_units[] = {
        { "", 1 },
        { "B", 1 },
        { "K", KIBI },
        { "M", KIBI *KIBI },
        { "G", KIBI *KIBI *KIBI },
        { "T", KIBI *KIBI *KIBI *KIBI },
        { "P", KIBI *KIBI *KIBI *KIBI *KIBI },
        { "E", KIBI *KIBI *KIBI *KIBI *KIBI *KIBI },
};

static const struct unit time_units[] = {
        { "us", 1 },
        { "ms", USEC_PER_MSEC },
        { "s", USEC_PER_SEC },
        { "min", 60 * USEC_PER_SEC },
        { "h", 3600 * USEC_PER_SEC },
        { "d", 24 * 3600 * USEC_PER_SEC },
        { "w", 7 * 24 * 3600 * USEC_PER_SEC },
        /* Other spellings accepted by systemd.time(7). */
        { "", USEC_PER_SEC },
        { "sec", USEC_PER_SEC },
        { "m", 60 * USEC_PER_SEC },
        { "hr", 3600 * USEC_PER_SEC },
        { "day", 24 * 3600 * USEC_PER_SEC },
        { "days", 24 * 3600 * USEC_PER_SEC },
};

/* The units used for printing, largest last. */
#define TIME_UNITS_PRINTED 6

int quantity_parse_number(const char *text, uint64_t *ret)
{
        uint64_t value = 0;

        if (!isdigit((unsigned char)text[0]) || (text[0] == '0' && text[1])) {
                return -EINVAL;
        }
        for (; *text; text++) {
                if (!isdigit((unsigned char)*text)) {
                        return -EINVAL;
                }
                if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
                    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value) ||
                    value > INT64_MAX) {
                        return -ERANGE;
                }
        }
        *ret = value;
        return 0;
}

/* Parses "12" or "1.25" into an integer part and billionths. */
static int parse_decimal(const char **text, uint64_t *ret_whole, uint64_t *ret_billionths)
{
        const char *s = *text;
        uint64_t whole = 0, fraction = 0, scale = UINT64_C(1000000000);

        if (!isdigit((unsigned char)*s)) {
                return -EINVAL;
        }
        for (; isdigit((unsigned char)*s); s++) {
                if (__builtin_mul_overflow(whole, UINT64_C(10), &whole) ||
                    __builtin_add_overflow(whole, (uint64_t)(*s - '0'), &whole)) {
                        return -ERANGE;
                }
        }
        if (*s == '.') {
                if (!isdigit((unsigned char)*++s)) {
                        return -EINVAL;
                }
                for (; isdigit((unsigned char)*s); s++) {
                        scale /= 10;
                        fraction += scale * (uint64_t)(*s - '0');
                }
        }
        *text = s;
        *ret_whole = whole;
        *ret_billionths = fraction;
        return 0;
}

static const struct unit *find_unit(const struct unit *units, size_t count, const char *name,
                                    size_t length)
{
        for (size_t i = 0; i < count; i++) {
                if (strlen(units[i].name) == length && memcmp(units[i].name, name, length) == 0) {
                        return &units[i];
                }
        }
        return NULL;
}

static int scale(uint64_t whole, uint64_t billionths, uint64_t factor, uint64_t *ret)
{
        uint64_t value;
        unsigned __int128 part = (unsigned __int128)billionths * factor / 1000000000u;

        if (__builtin_mul_overflow(whole, factor, &value) ||
            __builtin_add_overflow(value, (uint64_t)part, &value) || value > INT64_MAX) {
                return -ERANGE;
        }
        *ret = value;
        return 0;
}

int quantity_parse_size(const char *text, uint64_t *ret)
{
        uint64_t whole, billionths;
        const struct unit *unit;
        size_t length;
        int r = parse_decimal(&text, &whole, &billionths);

        if (r < 0) {
                return r;
        }
        length = strlen(text);
        /* "KiB" and "KB" mean what "K" means. */
        if (length > 1 && text[0] != 'B' &&
            (strcmp(text + 1, "iB") == 0 || strcmp(text + 1, "B") == 0)) {
                length = 1;
        }
        unit = find_unit(size_units, ELEMENTS_OF(size_units), text, length);
        if (!unit || (unit->factor == 1 && billionths)) {
                return -EINVAL;
        }
        return scale(whole, billionths, unit->factor, ret);
}

int quantity_parse_time(const char *text, uint64_t *ret_usec)
{
        uint64_t total = 0;

        do {
                uint64_t whole, billionths, part;
                const struct unit *unit;
                size_t length;
                int r = parse_decimal(&text, &whole, &billionths);

                if (r < 0) {
                        return r;
                }
                length = strcspn(text, " 0123456789.");
                unit = find_unit(time_units, ELEMENTS_OF(time_units), text, length);
                /* A bare number followed by more ("10 20", "1 min") is ambiguous. */
                if (!unit || (length == 0 && *text)) {
                        return -EINVAL;
                }
                r = scale(whole, billionths, unit->factor, &part);
                if (r < 0) {
                        return r;
                }
                if (__builtin_add_overflow(total, part, &total) || total > INT64_MAX) {
                        return -ERANGE;
                }
                text += length;
                text += strspn(text, " ");
        } while (*text);
        *ret_usec = total;
        return 0;
}

void quantity_format_size(uint64_t bytes, char text[static 16])
{
        size_t i = 1;

        while (i + 1 < ELEMENTS_OF(size_units) && bytes >= size_units[i + 1].factor) {
                i++;
        }
        if (i == 1) {
                snprintf(text, 16, "%uB", (unsigned int)bytes);
                return;
        }
        snprintf(text, 16, "%.1f%s", (double)bytes / (double)size_units[i].factor,
                 size_units[i].name);
}

void quantity_format_size_exact(uint64_t bytes, char text[static 32])
{
        size_t i = ELEMENTS_OF(size_units) - 1;

        while (i > 1 && (bytes == 0 || bytes % size_units[i].factor != 0)) {
                i--;
        }
        snprintf(text, 32, "%" PRIu64 "%s", bytes / size_units[i].factor,
                 i == 1 ? "" : size_units[i].name);
}

void quantity_format_time(uint64_t usec, char text[static 32])
{
        size_t i = TIME_UNITS_PRINTED - 1;

        while (i > 0 && usec < time_units[i].factor) {
                i--;
        }
        if (i <= 2) {
                snprintf(text, 32, i == 0 ? "%.0f%s" : "%.1f%s",
                         (double)usec / (double)time_units[i].factor, time_units[i].name);
                return;
        }
        snprintf(text, 32, "%" PRIu64 "%s %" PRIu64 "%s", usec / time_units[i].factor,
                 time_units[i].name, usec % time_units[i].factor / time_units[i - 1].factor,
                 time_units[i - 1].name);
}

void quantity_format_time_exact(uint64_t usec, char text[static 32])
{
        size_t i = TIME_UNITS_PRINTED - 1;

        while (i > 0 && (usec == 0 || usec % time_units[i].factor != 0)) {
                i--;
        }
        snprintf(text, 32, "%" PRIu64 "%s", usec / time_units[i].factor, time_units[i].name);
}
