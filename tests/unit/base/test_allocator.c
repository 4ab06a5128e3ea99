/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/musl/allocator.h"

/* Sizes around every boundary between classes, and those of blocks with a mapping of their own. */
static size_t some_size(size_t i)
{
        static const size_t near[] = { 0, 1, 15, 16, 17, 63, 64, 65, 80, 81, 96, 127, 128, 129 };
        size_t count = sizeof near / sizeof near[0];

        return i < count ? near[i] : ((size_t)1 << (7 + (i - count) / 3)) + (i - count) % 3 - 1;
}

#define SIZES 50

static void blocks_hold_their_size_and_do_not_overlap(void **state)
{
        unsigned char *blocks[SIZES];

        for (size_t i = 0; i < SIZES; i++) {
                blocks[i] = allocator_get(some_size(i));
                assert_non_null(blocks[i]);
                assert_int_equal((uintptr_t)blocks[i] % 16, 0);
                memset(blocks[i], (int)i, some_size(i));
        }
        for (size_t i = 0; i < SIZES; i++) {
                for (size_t at = 0; at < some_size(i); at++) {
                        assert_int_equal(blocks[i][at], (unsigned char)i);
                }
                allocator_put(blocks[i]);
        }
}

static void a_freed_block_is_used_again(void **state)
{
        void *block = allocator_get(100);

        allocator_put(block);
        assert_ptr_equal(allocator_get(97), block);
        allocator_put(block);
}

static void zeroed_memory_is_zero_when_it_was_used_before(void **state)
{
        static const unsigned char zeros[300];
        unsigned char *block = allocator_get(300);

        memset(block, 0xff, 300);
        allocator_put(block);
        block = allocator_get_zeroed(3, 100);
        assert_memory_equal(block, zeros, 300);
        allocator_put(block);
}

static void a_block_that_grows_keeps_its_contents(void **state)
{
        unsigned char *block = allocator_get(1);

        block[0] = 1;
        for (size_t size = 2; size < 300000; size = size * 3 / 2 + 1) {
                block = allocator_resize(block, size);
                assert_non_null(block);
                assert_int_equal(block[0], 1);
                block[size - 1] = 2;
        }
        allocator_put(block);
}

static void what_cannot_be_had_is_refused(void **state)
{
        unsigned char *block = allocator_get(8);

        errno = 0;
        assert_null(allocator_get(SIZE_MAX));
        assert_int_equal(errno, ENOMEM);
        errno = 0;
        assert_null(allocator_get_zeroed(SIZE_MAX / 2, 3));
        assert_int_equal(errno, ENOMEM);
        block[0] = 7;
        assert_null(allocator_resize(block, SIZE_MAX - 8));
        assert_int_equal(block[0], 7);
        allocator_put(block);
}

static void memory_does_not_grow_with_use(void **state)
{
        void *first = allocator_get(5000);

        allocator_put(first);
        for (int i = 0; i < 100000; i++) {
                void *block = allocator_get(5000);

                assert_ptr_equal(block, first);
                allocator_put(block);
        }
}

/* The signal that ends a process in which `act` is called. */
static int signal_of(void (*act)(void))
{
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                (void)signal(SIGABRT, SIG_DFL);
                act();
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void put_twice(void)
{
        void *block = allocator_get(40);

        allocator_put(block);
        allocator_put(block);
}

static void write_in_front(void)
{
        unsigned char *block = allocator_get(40);

        memset(block - 8, 0, 8);
        allocator_put(block);
}

static void misuse_ends_the_program(void **state)
{
        assert_int_equal(signal_of(put_twice), SIGABRT);
        assert_int_equal(signal_of(write_in_front), SIGABRT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(blocks_hold_their_size_and_do_not_overlap),
                cmocka_unit_test(a_freed_block_is_used_again),
                cmocka_unit_test(zeroed_memory_is_zero_when_it_was_used_before),
                cmocka_unit_test(a_block_that_grows_keeps_its_contents),
                cmocka_unit_test(what_cannot_be_had_is_refused),
                cmocka_unit_test(memory_does_not_grow_with_use),
                cmocka_unit_test(misuse_ends_the_program),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
