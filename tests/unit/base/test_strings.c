/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <errno.h>

#include "base/strings.h"

static void test_comparison(void **state)
{
        (void)state;
        assert_true(string_equal(NULL, NULL));
        assert_false(string_equal(NULL, ""));
        assert_false(string_equal("", NULL));
        assert_true(string_equal("a", "a"));
        assert_false(string_equal("a", "A"));
        assert_string_equal(string_after("CAP_KILL", "CAP_"), "KILL");
        assert_string_equal(string_after("x", ""), "x");
        assert_null(string_after("CA", "CAP_"));
        assert_true(string_ends_with("web.machine", ".machine"));
        assert_true(string_ends_with("x", ""));
        assert_false(string_ends_with("ine", "machine"));
}

static void test_replace(void **state)
{
        _cleanup_free_ char *place = NULL;

        (void)state;
        assert_int_equal(string_replace(&place, "one"), 0);
        assert_int_equal(string_replace(&place, place + 1), 0);
        assert_string_equal(place, "ne");
        assert_int_equal(string_replace(&place, NULL), 0);
        assert_null(place);
}

static void test_printable(void **state)
{
        static const struct {
                const char *from, *to;
        } cases[] = {
                { "", "" },
                { "plain text", "plain text" },
                { "tab\tnewline\n", "tab\\x09newline\\x0a" },
                { "\033[2J", "\\x1b[2J" },
                { "\x7f", "\\x7f" },
                { "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7",
                  "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7" },
                { "\xc3", "\\xc3" },                            /* cut short */
                { "\xe2\x82", "\\xe2\\x82" },                   /* the same */
                { "\xc0\xaf", "\\xc0\\xaf" },                   /* overlong */
                { "\xe0\x80\xaf", "\\xe0\\x80\\xaf" },          /* overlong */
                { "\xed\xa0\x80", "\\xed\\xa0\\x80" },          /* surrogate */
                { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* beyond U+10FFFF */
                { "\xc2\x9b", "\\xc2\\x9b" },                   /* C1: a terminal's CSI */
                { "\xff\xfe", "\\xff\\xfe" },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
                _cleanup_free_ char *text = string_printable(cases[i].from);

                assert_string_equal(text, cases[i].to);
        }
}

static void test_hash_is_fnv1a(void **state)
{
        (void)state;
        /* The reference values of the algorithm's authors. */
        assert_true(string_hash("", 0) == UINT64_C(0xcbf29ce484222325));
        assert_true(string_hash("a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
        assert_true(string_hash("foobar", 6) == UINT64_C(0x85944171f73967e8));
}

static void test_arrays(void **state)
{
        _cleanup_strv_ char **strings = NULL, **copy = NULL;

        (void)state;
        assert_int_equal(strv_length(NULL), 0);
        assert_false(strv_contains(NULL, "a"));
        assert_null(strv_copy(NULL));
        assert_int_equal(strv_append(&strings, "a"), 0);
        assert_int_equal(strv_append(&strings, "b"), 0);
        assert_int_equal(strv_take(&strings, strdup("c")), 0);
        assert_int_equal(strv_take(&strings, NULL), -ENOMEM);
        assert_int_equal(strv_length(strings), 3);
        assert_null(strings[3]);
        assert_true(strv_contains(strings, "c"));
        assert_false(strv_contains(strings, "d"));
        copy = strv_copy(strings);
        assert_int_equal(strv_length(copy), 3);
        assert_ptr_not_equal(copy[0], strings[0]);
        assert_string_equal(copy[2], "c");
}

static void test_join_and_split(void **state)
{
        static const char *const texts[] = { "", "a", "a:b", ":", "a::b:", "::" };

        (void)state;
        for (size_t i = 0; i < ELEMENTS_OF(texts); i++) {
                _cleanup_strv_ char **parts = NULL;
                _cleanup_free_ char *joined = NULL;

                assert_int_equal(strv_split(texts[i], ':', &parts), 0);
                joined = strv_join(parts, ":");
                assert_string_equal(joined, texts[i]);
        }
}

static void test_split_keeps_empty_parts(void **state)
{
        _cleanup_strv_ char **parts = NULL;
        _cleanup_free_ char *nothing = strv_join(NULL, ", ");

        (void)state;
        assert_int_equal(strv_split(":a:", ':', &parts), 0);
        assert_int_equal(strv_length(parts), 3);
        assert_string_equal(parts[0], "");
        assert_string_equal(parts[1], "a");
        assert_string_equal(parts[2], "");
        assert_string_equal(nothing, "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_comparison),
                cmocka_unit_test(test_replace),
                cmocka_unit_test(test_printable),
                cmocka_unit_test(test_hash_is_fnv1a),
                cmocka_unit_test(test_arrays),
                cmocka_unit_test(test_join_and_split),
                cmocka_unit_test(test_split_keeps_empty_parts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
