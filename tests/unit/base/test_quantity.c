/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/quantity.h"

typedef int (*parser)(const char *text, uint64_t *ret);

struct parse_case {
        const char *text;
        int result;
        uint64_t value;
};

/* Refused text does not change the output. */
static void check_cases(parser parse, const struct parse_case *cases, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                uint64_t value = 4711;
                int r = parse(cases[i].text, &value);

                if (r != cases[i].result || value != (r < 0 ? 4711 : cases[i].value)) {
                        fail_msg("\"%s\": result %d, value %llu", cases[i].text, r,
                                 (unsigned long long)value);
                }
        }
}

static void test_numbers(void **state)
{
        static const struct parse_case cases[] = {
                { "0", 0, 0 },
                { "42", 0, 42 },
                { "9223372036854775807", 0, INT64_MAX },
                { "9223372036854775808", -ERANGE, 0 },
                { "18446744073709551616", -ERANGE, 0 },
                { "99999999999999999999999999", -ERANGE, 0 },
                { "", -EINVAL, 0 },
                { "007", -EINVAL, 0 },
                { "-1", -EINVAL, 0 },
                { "+1", -EINVAL, 0 },
                { " 1", -EINVAL, 0 },
                { "1 ", -EINVAL, 0 },
                { "0x10", -EINVAL, 0 },
                { "1e3", -EINVAL, 0 },
                { "\xd9\xa1", -EINVAL, 0 }, /* a digit, but an Arabic one */
        };

        (void)state;
        check_cases(quantity_parse_number, cases, ELEMENTS_OF(cases));
}

static void test_sizes(void **state)
{
        static const struct parse_case cases[] = {
                { "0", 0, 0 },
                { "512", 0, 512 },
                { "512B", 0, 512 },
                { "1K", 0, 1024 },
                { "4KiB", 0, 4096 },
                { "4KB", 0, 4096 },
                { "256M", 0, UINT64_C(256) << 20 },
                { "1.5G", 0, UINT64_C(3) << 29 },
                { "0.5K", 0, 512 },
                { "7E", 0, UINT64_C(7) << 60 },
                { "8E", -ERANGE, 0 },
                { "7.999999999E", 0, UINT64_C(9223372035701854303) },
                { "9223372036854775807", 0, INT64_MAX },
                { "99999999999999999999K", -ERANGE, 0 },
                { "1.5", -EINVAL, 0 },
                { "1.5B", -EINVAL, 0 },
                { "", -EINVAL, 0 },
                { "M", -EINVAL, 0 },
                { "1m", -EINVAL, 0 },
                { "1 M", -EINVAL, 0 },
                { "1BB", -EINVAL, 0 },
                { "1BiB", -EINVAL, 0 },
                { "1iB", -EINVAL, 0 },
                { "1Ki", -EINVAL, 0 },
                { "1.", -EINVAL, 0 },
                { ".5M", -EINVAL, 0 },
                { "1.5.5M", -EINVAL, 0 },
                { "-1M", -EINVAL, 0 },
                { "1MM", -EINVAL, 0 },
        };

        (void)state;
        check_cases(quantity_parse_size, cases, ELEMENTS_OF(cases));
}

static void test_times(void **state)
{
        static const struct parse_case cases[] = {
                { "0", 0, 0 },
                { "10", 0, 10 * USEC_PER_SEC },
                { "10s", 0, 10 * USEC_PER_SEC },
                { "1.5s", 0, 1500 * USEC_PER_MSEC },
                { "500ms", 0, 500 * USEC_PER_MSEC },
                { "7us", 0, 7 },
                { "1min 30s", 0, 90 * USEC_PER_SEC },
                { "1min30s", 0, 90 * USEC_PER_SEC },
                { "1min 30", 0, 90 * USEC_PER_SEC },
                { "2h", 0, 7200 * USEC_PER_SEC },
                { "1d", 0, 86400 * USEC_PER_SEC },
                { "1w", 0, 7 * 86400 * USEC_PER_SEC },
                { "", -EINVAL, 0 },
                { " ", -EINVAL, 0 },
                { "s", -EINVAL, 0 },
                { "10 20", -EINVAL, 0 },
                { "1 min", -EINVAL, 0 },
                { "10x", -EINVAL, 0 },
                { "-1s", -EINVAL, 0 },
                { "1.2.3s", -EINVAL, 0 },
                { "infinity", -EINVAL, 0 },
                { "99999999999999999999s", -ERANGE, 0 },
                { "106751991d", 0, UINT64_C(9223372022400000000) },
                { "106751991d 106751991d", -ERANGE, 0 },
                { "106751992d", -ERANGE, 0 },
        };

        (void)state;
        check_cases(quantity_parse_time, cases, ELEMENTS_OF(cases));
}

static void test_sizes_for_people(void **state)
{
        static const struct {
                uint64_t bytes;
                const char *text;
        } cases[] = {
                { 0, "0B" },
                { 1023, "1023B" },
                { 1024, "1.0K" },
                { 1536, "1.5K" },
                { UINT64_C(256) << 20, "256.0M" },
                { UINT64_MAX, "16.0E" },
        };
        char text[16];

        (void)state;
        for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
                quantity_format_size(cases[i].bytes, text);
                assert_string_equal(text, cases[i].text);
        }
}

static void test_times_for_people(void **state)
{
        static const struct {
                uint64_t usec;
                const char *text;
        } cases[] = {
                { 0, "0us" },
                { 999, "999us" },
                { 12345, "12.3ms" },
                { 1500000, "1.5s" },
                { 90 * USEC_PER_SEC, "1min 30s" },
                { 3 * 3600 * USEC_PER_SEC + 120 * USEC_PER_SEC, "3h 2min" },
                { 100 * 3600 * USEC_PER_SEC, "4d 4h" },
        };
        char text[32];

        (void)state;
        for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
                quantity_format_time(cases[i].usec, text);
                assert_string_equal(text, cases[i].text);
        }
}

/* Exactly formatted values are parsed back to the same number: for all magnitudes. */
static void test_exact_forms_are_read_back(void **state)
{
        static const uint64_t odd[] = { 0, 1, 3, 1000, 1023, 1025, 3600, 86400, 604801 };

        (void)state;
        for (unsigned int shift = 0; shift < 43; shift++) {
                for (size_t i = 0; i < ELEMENTS_OF(odd); i++) {
                        uint64_t value = odd[i] << shift, again;
                        char text[32];

                        quantity_format_size_exact(value, text);
                        assert_int_equal(quantity_parse_size(text, &again), 0);
                        assert_true(again == value);
                        quantity_format_time_exact(value, text);
                        assert_int_equal(quantity_parse_time(text, &again), 0);
                        assert_true(again == value);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_numbers),
                cmocka_unit_test(test_sizes),
                cmocka_unit_test(test_times),
                cmocka_unit_test(test_sizes_for_people),
                cmocka_unit_test(test_times_for_people),
                cmocka_unit_test(test_exact_forms_are_read_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
