/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strings.h"

/* Each test runs in an empty directory of its own. */
static int set_up(void **state)
{
        char template[] = "/tmp/mlite-file-XXXXXX";
        char *path = mkdtemp(template);

        *state = path ? strdup(path) : NULL;
        return *state ? chdir(path) : -1;
}

static int tear_down(void **state)
{
        _cleanup_free_ char *path = *state;
        _cleanup_free_ char *command = string_format("rm -rf '%s'", path);

        return chdir("/") < 0 ? -1 : system(command);
}

static void put(const char *path, const char *text)
{
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
}

static void assert_holds(const char *path, const char *expected)
{
        _cleanup_free_ char *text = NULL;

        assert_int_equal(file_read(AT_FDCWD, path, 65536, &text, NULL), 0);
        assert_string_equal(text, expected);
}

static void test_reading(void **state)
{
        char *text = NULL;
        size_t length = 9;

        (void)state;
        put("empty", "");
        assert_int_equal(file_read(AT_FDCWD, "empty", 10, &text, &length), 0);
        assert_string_equal(text, "");
        assert_int_equal(length, 0);
        free(text);
        text = NULL;
        assert_int_equal(file_read(AT_FDCWD, "none", 10, &text, NULL), -ENOENT);
        assert_int_equal(file_read(AT_FDCWD, ".", 10, &text, NULL), -EISDIR);
        assert_null(text);
}

/* The limit is exact, also where the file ends at the edge of a buffer. */
static void test_reading_has_a_limit(void **state)
{
        static const size_t lengths[] = { 1, 100, 4094, 4095, 4096, 4097, 8191, 8192, 100000 };

        (void)state;
        for (size_t i = 0; i < ELEMENTS_OF(lengths); i++) {
                _cleanup_free_ char *data = calloc(1, lengths[i] + 1);
                _cleanup_free_ char *text = NULL, *none = NULL;
                size_t length;

                memset(data, 'x', lengths[i]);
                put("file", data);
                assert_int_equal(file_read(AT_FDCWD, "file", lengths[i], &text, &length), 0);
                assert_int_equal(length, lengths[i]);
                assert_string_equal(text, data);
                assert_int_equal(file_read(AT_FDCWD, "file", lengths[i] - 1, &none, NULL), -EFBIG);
                assert_null(none);
        }
}

static void test_nul_bytes_are_counted(void **state)
{
        _cleanup_close_ int fd = file_sealed("x", "a\0b", 3);
        _cleanup_free_ char *text = NULL;
        size_t length;

        (void)state;
        assert_int_equal(file_read_fd(fd, 10, &text, &length), 0);
        assert_int_equal(length, 3);
        assert_memory_equal(text, "a\0b", 4);
}

static void *read_slowly(void *data)
{
        char bytes[1000];
        size_t *total = data;
        int fd = (int)*total;
        ssize_t n;

        *total = 0;
        while ((n = read(fd, bytes, sizeof bytes)) > 0) {
                *total += (size_t)n;
        }
        return NULL;
}

/* More than a pipe holds: write(2) returns early and is called again. */
static void test_writing_goes_on_after_a_short_write(void **state)
{
        size_t length = 1 << 20, total;
        _cleanup_free_ char *data = calloc(1, length);
        pthread_t reader;
        int ends[2];

        (void)state;
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        total = (size_t)ends[0];
        assert_int_equal(pthread_create(&reader, NULL, read_slowly, &total), 0);
        assert_int_equal(file_write_all(ends[1], data, length), 0);
        fd_close(ends[1]);
        pthread_join(reader, NULL);
        fd_close(ends[0]);
        assert_int_equal(total, length);
}

static void test_values_go_to_existing_files_only(void **state)
{
        (void)state;
        assert_int_equal(file_write_value(AT_FDCWD, "none", "1"), -ENOENT);
        assert_int_equal(access("none", F_OK), -1);
        put("value", "");
        assert_int_equal(file_write_value(AT_FDCWD, "value", "17"), 0);
        assert_holds("value", "17");
        assert_int_equal(file_write_value(AT_FDCWD, "/dev/full", "x"), -ENOSPC);
}

static void test_atomic_replacement(void **state)
{
        struct stat status;

        (void)state;
        put("state", "old");
        put("state.new", "left by a writer that died");
        assert_int_equal(file_write_atomic(AT_FDCWD, "state", "new", 3, 0640), 0);
        assert_holds("state", "new");
        assert_int_equal(access("state.new", F_OK), -1);
        assert_int_equal(stat("state", &status), 0);
        assert_int_equal(status.st_mode & 07777, 0640);
        assert_int_equal(file_write_atomic(AT_FDCWD, "no/such", "x", 1, 0600), -ENOENT);
}

static void test_failed_replacement_leaves_no_temporary(void **state)
{
        (void)state;
        assert_int_equal(mkdir("state", 0755), 0);
        assert_int_equal(file_write_atomic(AT_FDCWD, "state", "new", 3, 0600), -EISDIR);
        assert_int_equal(access("state.new", F_OK), -1);
}

static void test_temporary_name_that_is_a_link_is_not_followed(void **state)
{
        (void)state;
        put("victim", "precious");
        assert_int_equal(symlink("victim", "state.new"), 0);
        assert_int_equal(file_write_atomic(AT_FDCWD, "state", "new", 3, 0600), 0);
        assert_holds("victim", "precious");
        assert_holds("state", "new");
}

static void test_directories(void **state)
{
        struct stat status;

        (void)state;
        assert_int_equal(directory_make("a/b//c/", 0700), 0);
        assert_int_equal(stat("a/b/c", &status), 0);
        assert_int_equal(status.st_mode & 07777, 0700);
        assert_int_equal(directory_make("a/b/c", 0755), 0);
        assert_int_equal(directory_make("/", 0755), 0);
        assert_int_equal(directory_make("", 0755), -ENOENT);
        put("file", "");
        assert_int_equal(directory_make("file", 0755), -ENOTDIR);
        assert_int_equal(directory_make("file/below", 0755), -ENOTDIR);
        assert_int_equal(symlink("a", "link"), 0);
        assert_int_equal(directory_make("link/d", 0755), 0);
        assert_int_equal(access("a/d", F_OK), 0);
        assert_int_equal(symlink("nowhere", "dangling"), 0);
        assert_int_equal(directory_make("dangling/d", 0755), -ENOENT);
}

static void test_locks_exclude_each_other(void **state)
{
        int first = file_lock(AT_FDCWD, "lock", LOCK_EX);
        int second;

        (void)state;
        assert_true(first >= 0);
        assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
        assert_int_equal(file_lock(AT_FDCWD, "lock", LOCK_EX | LOCK_NB), -EWOULDBLOCK);
        assert_int_equal(file_lock(AT_FDCWD, "lock", LOCK_SH | LOCK_NB), -EWOULDBLOCK);
        fd_close(first);
        second = file_lock(AT_FDCWD, "lock", LOCK_SH | LOCK_NB);
        assert_true(second >= 0);
        fd_close(second);
        assert_int_equal(symlink("lock", "link"), 0);
        assert_int_equal(file_lock(AT_FDCWD, "link", LOCK_EX), -ELOOP);
}

static void test_sealed_files_stay_as_they_are(void **state)
{
        _cleanup_close_ int fd = file_sealed("x", "data", 4);
        char bytes[8];

        (void)state;
        assert_int_equal(read(fd, bytes, sizeof bytes), 4);
        assert_int_equal(write(fd, "x", 1), -1);
        assert_int_equal(errno, EPERM);
        assert_int_equal(ftruncate(fd, 0), -1);
        assert_ptr_equal(mmap(NULL, 4, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
}

static void test_closing_keeps_errno(void **state)
{
        (void)state;
        errno = EXDEV;
        assert_int_equal(fd_close(99999), -EBADF);
        assert_int_equal(fd_close(-1), -EBADF);
        assert_int_equal(errno, EXDEV);
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                IN_DIRECTORY(test_reading),
                IN_DIRECTORY(test_reading_has_a_limit),
                IN_DIRECTORY(test_nul_bytes_are_counted),
                IN_DIRECTORY(test_writing_goes_on_after_a_short_write),
                IN_DIRECTORY(test_values_go_to_existing_files_only),
                IN_DIRECTORY(test_atomic_replacement),
                IN_DIRECTORY(test_failed_replacement_leaves_no_temporary),
                IN_DIRECTORY(test_temporary_name_that_is_a_link_is_not_followed),
                IN_DIRECTORY(test_directories),
                IN_DIRECTORY(test_locks_exclude_each_other),
                IN_DIRECTORY(test_sealed_files_stay_as_they_are),
                IN_DIRECTORY(test_closing_keeps_errno),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
