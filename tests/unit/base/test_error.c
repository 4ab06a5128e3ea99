/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "base/error.h"

static void test_message_ends_with_the_reason(void **state)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        (void)state;
        assert_false(error_is_set(&error));
        assert_int_equal(error_set(&error, ENOENT, "open %s", "/a"), -ENOENT);
        assert_string_equal(error.message, "open /a: No such file or directory");
        assert_int_equal(error.number, ENOENT);
        assert_true(error_is_set(&error));
}

static void test_negative_and_missing_numbers(void **state)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        (void)state;
        assert_int_equal(error_set(&error, -EPERM, "mount"), -EPERM);
        assert_int_equal(error.number, EPERM);
        assert_int_equal(error_set(&error, 0, "odd"), -EINVAL);
        assert_string_equal(error.message, "odd");
        assert_true(error_is_set(&error));
}

static void test_say_adds_nothing(void **state)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        (void)state;
        assert_int_equal(error_say(&error, EBUSY, "web runs already"), -EBUSY);
        assert_string_equal(error.message, "web runs already");
}

static void test_no_error_wanted(void **state)
{
        (void)state;
        assert_int_equal(error_set(NULL, EIO, "x"), -EIO);
        assert_int_equal(error_oom(NULL), -ENOMEM);
        error_hint(NULL, "x");
        error_prefix(NULL, "x");
        error_step(NULL, "x");
        error_move(NULL, &(struct machine_error)MACHINE_ERROR_INIT);
}

static void test_filling_again_replaces(void **state)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        (void)state;
        error_set(&error, EIO, "first");
        error_kind(&error, MACHINE_ERROR_USAGE);
        error_hint(&error, "a way out");
        error_step(&error, "root");
        error_set(&error, EPERM, "second after %s", error.message);
        assert_string_equal(error.message,
                            "second after first: Input/output error: Operation not permitted");
        assert_int_equal(error.kind, MACHINE_ERROR_FAILED);
        assert_null(error.hint);
        assert_null(error.step);
}

static void test_kind_keeps_the_number(void **state)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        (void)state;
        error_set(&error, ENOEXEC, "exec");
        assert_int_equal(error_kind(&error, MACHINE_ERROR_NOT_EXECUTABLE), -ENOEXEC);
        assert_int_equal(error.kind, MACHINE_ERROR_NOT_EXECUTABLE);
}

static void test_hint_and_prefix_grow_from_themselves(void **state)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        (void)state;
        error_prefix(&error, "nothing to prefix");
        assert_null(error.message);
        error_say(&error, EIO, "inner");
        error_prefix(&error, "outer %d", 1);
        assert_string_equal(error.message, "outer 1: inner");
        error_hint(&error, "one");
        error_hint(&error, "%s, two", error.hint);
        assert_string_equal(error.hint, "one, two");
}

static void test_inner_step_is_kept(void **state)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        (void)state;
        error_step(&error, "cgroup");
        error_step(&error, "start");
        assert_string_equal(error.step, "cgroup");
}

static void test_move_leaves_nothing_behind(void **state)
{
        _cleanup_error_ struct machine_error from = MACHINE_ERROR_INIT;
        _cleanup_error_ struct machine_error to = MACHINE_ERROR_INIT;

        (void)state;
        error_set(&to, EIO, "old");
        error_set(&from, EPERM, "new");
        error_hint(&from, "hint");
        error_move(&to, &from);
        assert_string_equal(to.message, "new: Operation not permitted");
        assert_string_equal(to.hint, "hint");
        assert_false(error_is_set(&from));
        assert_null(from.hint);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_message_ends_with_the_reason),
                cmocka_unit_test(test_negative_and_missing_numbers),
                cmocka_unit_test(test_say_adds_nothing),
                cmocka_unit_test(test_no_error_wanted),
                cmocka_unit_test(test_filling_again_replaces),
                cmocka_unit_test(test_kind_keeps_the_number),
                cmocka_unit_test(test_hint_and_prefix_grow_from_themselves),
                cmocka_unit_test(test_inner_step_is_kept),
                cmocka_unit_test(test_move_leaves_nothing_behind),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
