/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <errno.h>

#include "base/json.h"
#include "base/strings.h"

static void test_set_and_get(void **state)
{
        char *words[] = { "a", "b", NULL };
        _cleanup_json_ json_t *object = json_object();
        uint64_t number;

        (void)state;
        assert_int_equal(json_set_string(object, "name", "web"), 0);
        assert_int_equal(json_set_string(object, "none", NULL), 0);
        assert_int_equal(json_set_number(object, "pid", 42), 0);
        assert_int_equal(json_set_boolean(object, "live", 1), 0);
        assert_int_equal(json_set_strings(object, "words", words), 0);
        assert_int_equal(json_set_strings(object, "no_words", NULL), 0);
        assert_string_equal(json_get_string(object, "name"), "web");
        assert_null(json_get_string(object, "none"));
        assert_null(json_get_string(object, "pid"));
        assert_null(json_get_string(object, "missing"));
        assert_int_equal(json_get_number(object, "pid", &number), 0);
        assert_true(number == 42);
        assert_int_equal(json_array_size(json_object_get(object, "words")), 2);
        assert_int_equal(json_array_size(json_object_get(object, "no_words")), 0);
}

static void test_numbers_that_are_none(void **state)
{
        _cleanup_json_ json_t *object = json_object();
        uint64_t number = 7;

        (void)state;
        json_set_value(object, "negative", json_integer(-1));
        json_set_value(object, "real", json_real(1.5));
        json_set_value(object, "text", json_string("1"));
        assert_int_equal(json_get_number(object, "missing", &number), -ENOENT);
        assert_int_equal(json_get_number(object, "negative", &number), -EINVAL);
        assert_int_equal(json_get_number(object, "real", &number), -EINVAL);
        assert_int_equal(json_get_number(object, "text", &number), -EINVAL);
        assert_true(number == 7);
}

static void test_number_beyond_63_bits_is_refused(void **state)
{
        _cleanup_json_ json_t *object = json_object();
        uint64_t number;

        (void)state;
        assert_int_equal(json_set_number(object, "n", INT64_MAX), 0);
        assert_int_equal(json_get_number(object, "n", &number), 0);
        assert_true(number == INT64_MAX);
        assert_int_equal(json_set_number(object, "m", UINT64_MAX), -ERANGE);
        assert_null(json_object_get(object, "m"));
}

static void test_text_that_is_not_utf8_is_refused(void **state)
{
        char *words[] = { "fine", "\xff", NULL };
        _cleanup_json_ json_t *object = json_object();

        (void)state;
        assert_int_equal(json_set_string(object, "name", "\xff"), -ENOMEM);
        assert_int_equal(json_set_strings(object, "words", words), -ENOMEM);
        assert_int_equal(json_set_value(object, "null", NULL), -ENOMEM);
        assert_int_equal(json_object_size(object), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_set_and_get),
                cmocka_unit_test(test_numbers_that_are_none),
                cmocka_unit_test(test_number_beyond_63_bits_is_refused),
                cmocka_unit_test(test_text_that_is_not_utf8_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
