/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "security/ids/users.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/bash\n"
                             "daemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n"
                             "web:x:33:33:www:/var/www:/bin/sh\n"
                             "1000:x:0:0:a name of digits:/root:/bin/sh\n"
                             "empty:x:::no numbers:/:/bin/sh\n"
                             "plus:x:+5:5::/:/bin/sh\n"
                             "large:x:4294967296:5::/:/bin/sh\n"
                             "group:x:40:x::/:/bin/sh\n"
                             "relative:x:50:50::home:sh\n"
                             "short:x:60\n"
                             "noend:x:70:70::/n:/bin/n";
static const char group[] = "root:x:0:\n"
                            "web:x:33:\n"
                            "adm:x:4:daemon,web\n"
                            "audio:x:29:web\n"
                            "website:x:99:webmaster,other\n"
                            "void:x::web\n"
                            "0:x:77:\n";

struct root {
        char path[64];
        int fd;
};

static void write_file(struct root *root, const char *name, const char *text)
{
        assert_int_equal(file_write_atomic(root->fd, name, text, strlen(text), 0644), 0);
}

static int set_up(void **state)
{
        struct root *root = calloc(1, sizeof *root);

        strcpy(root->path, "/tmp/test-users-XXXXXX");
        assert_non_null(mkdtemp(root->path));
        root->fd = open(root->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_true(root->fd >= 0);
        assert_int_equal(mkdirat(root->fd, "etc", 0755), 0);
        write_file(root, "etc/passwd", passwd);
        write_file(root, "etc/group", group);
        *state = root;
        return 0;
}

static int tear_down(void **state)
{
        struct root *root = *state;

        unlinkat(root->fd, "etc/passwd", 0);
        unlinkat(root->fd, "etc/group", 0);
        unlinkat(root->fd, "etc", AT_REMOVEDIR);
        rmdir(root->path);
        close(root->fd);
        free(root);
        return 0;
}

static void accepts(struct root *root, const char *text, uid_t uid, gid_t gid, size_t groups,
                    const char *home)
{
        _cleanup_machine_user_ struct machine_user user = MACHINE_USER_INIT;
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        assert_int_equal(machine_user_find(root->fd, text, &user, &error), 0);
        assert_int_equal(user.uid, uid);
        assert_int_equal(user.gid, gid);
        assert_int_equal(user.group_count, groups);
        assert_string_equal(user.home, home);
        assert_true(user.shell[0] == '/');
}

static void refuses(struct root *root, const char *text, int number, const char *part)
{
        struct machine_user user = { .uid = 12345 };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        assert_int_equal(machine_user_find(root->fd, text, &user, &error), -number);
        assert_int_equal(user.uid, 12345);
        assert_non_null(error.message);
        if (!strstr(error.message, part)) {
                fail_msg("\"%s\" has no \"%s\"", error.message, part);
        }
}

static void test_names(void **state)
{
        accepts(*state, NULL, 0, 0, 0, "/root");
        accepts(*state, "root", 0, 0, 0, "/root");
        accepts(*state, "web", 33, 33, 2, "/var/www");
        accepts(*state, "daemon", 1, 1, 1, "/usr/sbin");
        accepts(*state, "noend", 70, 70, 0, "/n");
        accepts(*state, "relative", 50, 50, 0, "/");
        accepts(*state, "web:audio", 33, 29, 0, "/var/www");
        accepts(*state, "web:7", 33, 7, 0, "/var/www");
        refuses(*state, "nobody", ENOENT, "no user \"nobody\"");
        refuses(*state, "web:nobody", ENOENT, "no group \"nobody\"");
        refuses(*state, "short", ENOENT, "short");
}

static void test_numbers(void **state)
{
        accepts(*state, "0", 0, 0, 0, "/root");
        accepts(*state, "33", 33, 33, 2, "/var/www");
        accepts(*state, "33:33", 33, 33, 0, "/var/www");
        accepts(*state, "12345", 12345, 0, 0, "/");
        accepts(*state, "12345:67", 12345, 67, 0, "/");
        accepts(*state, "4294967294", 4294967294U, 0, 0, "/");
}

/* CVE-2016-3697: an account with a number as its name made that number root. */
static void test_digits_are_never_a_name(void **state)
{
        accepts(*state, "1000", 1000, 0, 0, "/");
        accepts(*state, "33:0", 33, 0, 0, "/var/www");
}

static void test_strict(void **state)
{
        static const char *const wrong[] = {
                "",
                ":",
                "1000:",
                ":1000",
                "+1",
                "-1",
                "1000:+1",
                "1000:-1",
                " 0",
                "0 ",
                "0x0:0x",
                "1000:1000:1000",
                "web:",
                "root:\n",
                "web\n",
                "a/b",
                "a,b",
                "+",
                "00",
                "01000",
                "33:033",
                "4294967295",
                "4294967296",
                "18446744073709551616",
                "33:4294967295",
                "99999999999999999999999999999999",
        };

        for (size_t i = 0; i < ELEMENTS_OF(wrong); i++) {
                struct machine_user user = { .uid = 12345 };

                if (machine_user_find(((struct root *)*state)->fd, wrong[i], &user, NULL) >= 0) {
                        fail_msg("accepted \"%s\" as %u", wrong[i], user.uid);
                }
                assert_int_equal(user.uid, 12345);
        }
}

/* An entry with an invalid number is not an entry of number 0. */
static void test_entries_without_number(void **state)
{
        refuses(*state, "empty", EINVAL, "no valid number");
        refuses(*state, "plus", EINVAL, "no valid number");
        refuses(*state, "large", EINVAL, "no valid number");
        refuses(*state, "group", EINVAL, "no valid group number");
        refuses(*state, "web:void", EINVAL, "no valid number");
}

static void test_missing_files(void **state)
{
        struct root *root = *state;

        unlinkat(root->fd, "etc/passwd", 0);
        unlinkat(root->fd, "etc/group", 0);
        accepts(root, NULL, 0, 0, 0, "/root");
        accepts(root, "root", 0, 0, 0, "/root");
        accepts(root, "root:root", 0, 0, 0, "/root");
        accepts(root, "1000", 1000, 0, 0, "/");
        refuses(root, "web", ENOENT, "no user");
}

static void test_hostile_files(void **state)
{
        struct root *root = *state;
        _cleanup_free_ char *huge = malloc(5 << 20);

        /* A link out of the root is resolved within it. */
        unlinkat(root->fd, "etc/passwd", 0);
        assert_int_equal(symlinkat("../../../../../etc/passwd", root->fd, "etc/passwd"), 0);
        refuses(root, "1000", ELOOP, "/etc/passwd");
        unlinkat(root->fd, "etc/passwd", 0);
        assert_int_equal(mkfifoat(root->fd, "etc/passwd", 0644), 0);
        refuses(root, "1000", EINVAL, "not a regular file");
        unlinkat(root->fd, "etc/passwd", 0);
        memset(huge, 'a', 5 << 20);
        huge[(5 << 20) - 1] = '\0';
        write_file(root, "etc/passwd", huge);
        refuses(root, "1000", EFBIG, "/etc/passwd");
}

static void test_mapped(void **state)
{
        gid_t groups[] = { 4, 1000 };
        const struct id_range thousand = { 700000, 1000 }, host = { 0, 0 };
        struct machine_user user = { .uid = 999, .gid = 999, .groups = groups, .group_count = 1 };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        assert_int_equal(machine_user_check(&user, &thousand, &error), 0);
        user.group_count = 2;
        assert_int_equal(machine_user_check(&user, &thousand, &error), -EINVAL);
        assert_non_null(strstr(error.message, "supplementary group 1000 is not mapped"));
        assert_int_equal(machine_user_check(&user, &host, NULL), 0);
        user.gid = 1000;
        assert_int_equal(machine_user_check(&user, &thousand, &error), -EINVAL);
        assert_non_null(strstr(error.message, "group 1000 is not mapped"));
        user.uid = 70000;
        assert_int_equal(machine_user_check(&user, &thousand, &error), -EINVAL);
        assert_non_null(strstr(error.message, "user 70000 is not mapped"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_numbers, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_digits_are_never_a_name, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_strict, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_entries_without_number, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_missing_files, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_hostile_files, set_up, tear_down),
                cmocka_unit_test(test_mapped),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
