/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "base/tree/attributes.h"
#include "base/tree/directory.h"

/* Each test runs in an empty directory. */
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

/* The limit is exact, even at the end of a buffer. */
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
static void test_writing_continues_after_a_short_write(void **state)
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

static void test_listing(void **state)
{
        _cleanup_strv_ char **names = NULL, **all = NULL, **none = NULL;

        put("b.machine", "");
        put("a.machine", "");
        put(".machine", "");
        put(".hidden.machine", "");
        put("a.network", "");
        assert_int_equal(directory_list(AT_FDCWD, ".", ".machine", &names), 0);
        assert_int_equal(strv_length(names), 2);
        assert_string_equal(names[0], "a");
        assert_string_equal(names[1], "b");
        assert_int_equal(directory_list(AT_FDCWD, ".", "", &all), 0);
        assert_int_equal(strv_length(all), 3);
        assert_int_equal(directory_list(AT_FDCWD, "a.network", "", &none), -ENOTDIR);
        assert_int_equal(directory_list(AT_FDCWD, "missing", "", &none), -ENOENT);
        assert_int_equal(mkdir("empty", 0700), 0);
        assert_int_equal(directory_list(AT_FDCWD, "empty", "", &none), 0);
        assert_null(none);
}

static void test_entries_of_a_path_descriptor(void **state)
{
        _cleanup_close_ int fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *entry;

        put(".hidden", "");
        assert_int_equal(directory_open(fd, &directory), 0);
        entry = directory_next(directory);
        assert_non_null(entry);
        assert_string_equal(entry->d_name, ".hidden");
        assert_null(directory_next(directory));
        assert_int_equal(errno, 0);
        assert_null(directory_next(NULL));
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

/* What the path is told to be, or NULL where a file may take its place. */
static const char *in_the_way(int root, const char *path)
{
        static char message[256];
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        int r = file_check_replaceable(root, path, &error);

        if (r == 0) {
                return NULL;
        }
        assert_int_equal(r, -EEXIST);
        assert_non_null(error.hint);
        snprintf(message, sizeof message, "%s", error.message);
        return message;
}

static void test_what_a_file_may_replace(void **state)
{
        _cleanup_close_ int root = open(*state, O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        put("file", "");
        assert_int_equal(mkfifo("fifo", 0600), 0);
        assert_int_equal(symlink("file", "to-file"), 0);
        assert_int_equal(symlink("none", "to-nothing"), 0);
        assert_int_equal(symlink("/fifo", "to-fifo"), 0);
        assert_int_equal(symlink("to-itself", "to-itself"), 0);
        assert_int_equal(symlink("/proc/self/fd/1", "stdout"), 0);
        assert_null(in_the_way(root, "/none"));
        assert_null(in_the_way(root, "/file"));
        assert_null(in_the_way(root, "/to-file"));
        assert_null(in_the_way(root, "/to-nothing"));
        assert_non_null(strstr(in_the_way(root, "/fifo"), "\"/fifo\" is a FIFO"));
        assert_non_null(strstr(in_the_way(root, "/to-fifo"), "is a symbolic link to a FIFO"));
        assert_non_null(strstr(in_the_way(root, "/to-itself"), "to itself"));
        assert_non_null(strstr(in_the_way(root, "/stdout"), "an open file of a process"));
        assert_int_equal(file_check_replaceable(root, "/none/file", &error), -ENOENT);
        machine_error_clear(&error);
        /* In a directory the link itself is judged. */
        assert_int_equal(file_check_replaceable_at(root, "to-fifo", NULL), 0);
        assert_int_equal(file_check_replaceable_at(root, "fifo", NULL), -EEXIST);
}

static void test_holes_are_copied_as_holes(void **state)
{
        const off_t size = 16 << 20, end = size / 2;
        char text[8] = "";
        struct stat status;
        int from = open("from", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        int to = open("to", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        (void)state;
        assert_int_equal(pwrite(from, "begin", 5, 0), 5);
        assert_int_equal(pwrite(from, "middle", 6, end), 6);
        assert_int_equal(ftruncate(from, size), 0);
        assert_int_equal(file_copy_sparse(from, to), 0);
        assert_int_equal(fstat(to, &status), 0);
        assert_int_equal(status.st_size, size);
        assert_true(status.st_blocks < 1024);
        assert_int_equal(pread(to, text, 6, end), 6);
        assert_string_equal(text, "middle");
        assert_int_equal(pread(to, text, 5, 0), 5);
        assert_memory_equal(text, "begin", 5);
        fd_close(from);
        fd_close(to);
}

static void test_files_without_a_size_are_copied(void **state)
{
        int from = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
        int to = open("to", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        (void)state;
        assert_int_equal(file_copy_sparse(from, to), 0);
        assert_true(lseek(to, 0, SEEK_END) > 100);
        fd_close(from);
        fd_close(to);
}

static void test_attributes_are_carried(void **state)
{
        _cleanup_free_ char *bytes = NULL;
        char value[8] = "";
        size_t length = 0;
        int from = open("from", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        int to = open("to", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        (void)state;
        if (fsetxattr(from, "user.one", "1", 1, 0) < 0) {
                skip();
        }
        assert_int_equal(fsetxattr(from, "user.none", "", 0, 0), 0);
        assert_int_equal(attributes_get(from, &bytes, &length), 0);
        assert_false(attributes_have_capabilities(bytes, length));
        assert_int_equal(attributes_set(to, bytes, length, NULL), 0);
        assert_int_equal(fgetxattr(to, "user.one", value, sizeof value), 1);
        assert_string_equal(value, "1");
        assert_int_equal(fgetxattr(to, "user.none", value, sizeof value), 0);
        for (size_t cut = 1; cut < length; cut++) {
                int r = attributes_set(to, bytes, cut, NULL);

                assert_true(r == -EBADMSG || r == 0);
        }
        assert_int_equal(attributes_set(to, bytes, length - 1, NULL), -EBADMSG);
        /* A name that is none of those. */
        bytes[0] = 'x';
        assert_int_equal(attributes_set(to, bytes, length, NULL), -EBADMSG);
        fd_close(from);
        fd_close(to);
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
                IN_DIRECTORY(test_writing_continues_after_a_short_write),
                IN_DIRECTORY(test_values_go_to_existing_files_only),
                IN_DIRECTORY(test_atomic_replacement),
                IN_DIRECTORY(test_failed_replacement_leaves_no_temporary),
                IN_DIRECTORY(test_temporary_name_that_is_a_link_is_not_followed),
                IN_DIRECTORY(test_directories),
                IN_DIRECTORY(test_listing),
                IN_DIRECTORY(test_entries_of_a_path_descriptor),
                IN_DIRECTORY(test_locks_exclude_each_other),
                IN_DIRECTORY(test_sealed_files_stay_as_they_are),
                IN_DIRECTORY(test_what_a_file_may_replace),
                IN_DIRECTORY(test_holes_are_copied_as_holes),
                IN_DIRECTORY(test_files_without_a_size_are_copied),
                IN_DIRECTORY(test_attributes_are_carried),
                IN_DIRECTORY(test_closing_keeps_errno),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
