/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

void *copy_apart(void *restrict target, const void *restrict source, size_t length);
void *copy_over(void *target, const void *source, size_t length);

/* Under names that the C library of this test does not have. */
#define memcpy  copy_apart
#define memmove copy_over
#include "base/musl/copy.c" // NOLINT(bugprone-suspicious-include)
#undef memcpy
#undef memmove

#define SIZE 300

static void fill(unsigned char *buffer)
{
        for (size_t i = 0; i < SIZE; i++) {
                buffer[i] = (unsigned char)(i * 7 + i / 256);
        }
}

static void every_length_and_alignment_is_copied_and_nothing_else(void **state)
{
        unsigned char source[SIZE], target[SIZE], expected[SIZE];

        fill(source);
        for (size_t length = 0; length <= 100; length++) {
                for (size_t from = 0; from < 17; from++) {
                        size_t to = (from * 5 + length) % 17;

                        memset(target, 0xee, sizeof target);
                        memset(expected, 0xee, sizeof expected);
                        for (size_t i = 0; i < length; i++) {
                                expected[to + i] = source[from + i];
                        }
                        assert_ptr_equal(copy_apart(target + to, source + from, length),
                                         target + to);
                        assert_memory_equal(target, expected, sizeof target);
                }
        }
}

static void overlapping_buffers_are_moved(void **state)
{
        unsigned char original[SIZE], buffer[SIZE], expected[SIZE];

        fill(original);
        for (size_t length = 0; length <= 100; length++) {
                for (size_t from = 0; from < 40; from++) {
                        for (size_t to = 0; to < 40; to++) {
                                fill(buffer);
                                fill(expected);
                                for (size_t i = 0; i < length; i++) {
                                        expected[to + i] = original[from + i];
                                }
                                assert_ptr_equal(copy_over(buffer + to, buffer + from, length),
                                                 buffer + to);
                                assert_memory_equal(buffer, expected, sizeof buffer);
                        }
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_length_and_alignment_is_copied_and_nothing_else),
                cmocka_unit_test(overlapping_buffers_are_moved),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
