/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "security/ids/id_extent.h"

/* The user himself, and two ranges of subordinate ids. */
static const struct machine_id_map of_user[] = {
        { 0, 1001, 1 },
        { 1, 100000, 65536 },
        { 65537, 3000000, 1000 },
};

static void test_size(void **state)
{
        static const struct machine_id_map gap[] = { { 0, 1001, 1 }, { 5, 100000, 10 } };

        assert_int_equal(id_extents_size(of_user, ELEMENTS_OF(of_user)), 66537);
        assert_int_equal(id_extents_size(of_user, 1), 1);
        assert_int_equal(id_extents_size(gap, ELEMENTS_OF(gap)), 1);
        assert_int_equal(id_extents_size(NULL, 0), 0);
        assert_int_equal(id_extents_size(of_user + 1, 1), 0);
}

/* A line of a child's map may not span two lines of the parent's. */
static void test_split(void **state)
{
        const struct machine_id_map all = { 0, 0, 66537 }, part = { 10, 65000, 600 },
                                    beyond = { 0, 66000, 1000 };
        static const struct machine_id_map expected[] = { { 0, 0, 1 },
                                                          { 1, 1, 65536 },
                                                          { 65537, 65537, 1000 } };
        struct machine_id_map *parts = NULL;
        size_t count = 0;

        assert_int_equal(id_extents_split(of_user, 3, &all, 1, &parts, &count), 0);
        assert_int_equal(count, 3);
        assert_memory_equal(parts, expected, sizeof expected);
        free(parts);
        assert_int_equal(id_extents_split(of_user, 3, &part, 1, &parts, &count), 0);
        assert_int_equal(count, 2);
        assert_int_equal(parts[0].machine, 10);
        assert_int_equal(parts[0].count, 537);
        assert_int_equal(parts[1].machine, 547);
        assert_int_equal(parts[1].host, 65537);
        assert_int_equal(parts[1].count, 63);
        free(parts);
        assert_int_equal(id_extents_split(of_user, 3, &beyond, 1, &parts, &count), 0);
        assert_int_equal(count, 1);
        assert_int_equal(parts[0].count, 537);
        free(parts);
}

static void test_translate(void **state)
{
        static const struct {
                struct id_range outside;
                int result;
                uint32_t base;
        } cases[] = {
                { { 1001, 1 }, 0, 0 },         { { 100000, 65536 }, 0, 1 },
                { { 100100, 1000 }, 0, 101 },  { { 3000999, 1 }, 0, 66536 },
                { { 165535, 2 }, -ERANGE, 0 }, { { 99999, 2 }, -ERANGE, 0 },
                { { 0, 1 }, -ERANGE, 0 },      { { 4294967294, 1 }, -ERANGE, 0 },
        };

        for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
                struct id_range range = { 0, 0 };

                assert_int_equal(id_extents_translate(of_user, 3, &cases[i].outside, &range),
                                 cases[i].result);
                if (cases[i].result == 0) {
                        assert_int_equal(range.base, cases[i].base);
                        assert_int_equal(range.count, cases[i].outside.count);
                }
        }
}

static void test_read(void **state)
{
        struct machine_id_map *extents = NULL;
        size_t count = 0;

        assert_int_equal(id_extents_read("/proc/self/uid_map", &extents, &count), 0);
        assert_true(count >= 1);
        assert_int_equal(extents[0].machine, 0);
        free(extents);
        assert_int_equal(id_extents_read("/proc/self/no-such-map", &extents, &count), -ENOENT);
        assert_int_equal(id_extents_read("/proc/self/status", &extents, &count), -EIO);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_size),
                cmocka_unit_test(test_split),
                cmocka_unit_test(test_translate),
                cmocka_unit_test(test_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
