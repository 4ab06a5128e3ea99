/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"

struct tree {
        char *path; /* contains "root", a machine's root, and "outside", which it must not reach */
        int root;
};

static int set_up(void **state)
{
        char template[] = "/tmp/mlite-path-XXXXXX";
        struct tree *tree = calloc(1, sizeof *tree);

        if (!tree || !mkdtemp(template) || chdir(template) < 0) {
                return -1;
        }
        *state = tree;
        tree->path = strdup(template);
        if (directory_make("root/etc", 0755) < 0 || directory_make("outside", 0755) < 0 ||
            file_write_atomic(AT_FDCWD, "outside/secret", "s", 1, 0644) < 0 ||
            file_write_atomic(AT_FDCWD, "root/etc/passwd", "p", 1, 0644) < 0 ||
            symlink("../../outside", "root/etc/up") < 0 ||
            symlink("/etc/passwd", "root/absolute") < 0 ||
            symlink("/proc/self/cwd", "root/magic") < 0 || symlink("loop", "root/loop") < 0) {
                return -1;
        }
        tree->root = open("root", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return tree->root < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
        struct tree *tree = *state;
        _cleanup_free_ char *command = string_format("rm -rf '%s'", tree->path);
        int r = chdir("/") < 0 ? -1 : system(command);

        fd_close(tree->root);
        free(tree->path);
        free(tree);
        return r;
}

static void test_joining(void **state)
{
        static const struct {
                const char *directory, *path, *joined;
        } cases[] = {
                { "a", "b", "a/b" },      { "a/", "b", "a/b" }, { "/", "b", "/b" },
                { "/a", "/b/c", "/b/c" }, { "", "b", "b" },     { "/a/b", "../c", "/a/b/../c" },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
                _cleanup_free_ char *joined = path_join(cases[i].directory, cases[i].path);

                assert_string_equal(joined, cases[i].joined);
        }
}

static void test_normalizing(void **state)
{
        static const struct {
                const char *from, *to;
        } cases[] = {
                { "/", "/" },
                { "//", "/" },
                { "/.", "/" },
                { "/./.", "/" },
                { "/a//b/./c/", "/a/b/c" },
                { "/...", "/..." },
                { "/..a/.b", "/..a/.b" },
                { "/..", NULL },
                { "/a/../b", NULL },
                { "/a/..", NULL },
                { "a", NULL },
                { "", NULL },
                { "./a", NULL },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
                _cleanup_free_ char *plain = NULL;
                int r = path_normalize(cases[i].from, &plain);

                assert_int_equal(r, cases[i].to ? 0 : -EINVAL);
                assert_true(string_equal(plain, cases[i].to));
        }
}

static void test_below_by_text(void **state)
{
        (void)state;
        assert_true(path_is_below("/a/b", "/a"));
        assert_true(path_is_below("/a", "/a"));
        assert_true(path_is_below("/a/b", "/a/"));
        assert_true(path_is_below("/a", "/"));
        assert_true(path_is_below("/", "/"));
        assert_false(path_is_below("/ab", "/a"));
        assert_false(path_is_below("/", "/a"));
        assert_false(path_is_below("/b/a", "/a"));
}

static void test_components(void **state)
{
        char name[NAME_MAX + 2];

        (void)state;
        assert_true(path_is_component("a"));
        assert_true(path_is_component("..."));
        assert_true(path_is_component(" "));
        assert_false(path_is_component(""));
        assert_false(path_is_component("."));
        assert_false(path_is_component(".."));
        assert_false(path_is_component("a/b"));
        memset(name, 'x', sizeof name);
        name[NAME_MAX] = '\0';
        assert_true(path_is_component(name));
        name[NAME_MAX] = 'x';
        name[NAME_MAX + 1] = '\0';
        assert_false(path_is_component(name));
}

static void assert_opens(struct tree *tree, const char *path, int expected)
{
        int fd = path_open_in_root(tree->root, path, O_RDONLY, 0);

        if (expected < 0) {
                assert_int_equal(fd, expected);
                return;
        }
        assert_true(fd >= 0);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        fd_close(fd);
}

static void test_nothing_leads_out_of_the_root(void **state)
{
        struct tree *tree = *state;

        assert_opens(tree, "etc/passwd", 0);
        assert_opens(tree, "/etc/passwd", 0);
        assert_opens(tree, "absolute", 0);
        assert_opens(tree, "../../../etc/passwd", 0);
        assert_opens(tree, "../outside/secret", -ENOENT);
        assert_opens(tree, "etc/up/secret", -ENOENT);
        assert_opens(tree, "/outside/secret", -ENOENT);
        assert_opens(tree, "loop", -ELOOP);
}

static void test_magic_links_are_refused(void **state)
{
        struct tree *tree = *state;
        _cleanup_close_ int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

        /* In a root that is the host's, /proc/self/cwd could lead anywhere. */
        assert_int_equal(path_open_in_root(host, "/proc/self/cwd", O_RDONLY, 0), -ELOOP);
        assert_int_equal(path_open_in_root(host, "/proc/self/fd/0", O_RDONLY, 0), -ELOOP);
        assert_opens(tree, "magic", -ENOENT);
}

static void test_no_links_at_all(void **state)
{
        struct tree *tree = *state;
        int fd = path_open_no_links(tree->root, "etc/passwd", O_RDONLY, 0);

        assert_true(fd >= 0);
        fd_close(fd);
        assert_int_equal(path_open_no_links(tree->root, "absolute", O_RDONLY, 0), -ELOOP);
        assert_int_equal(path_open_no_links(tree->root, "etc/up", O_RDONLY, 0), -ELOOP);
}

static void test_creating_inside(void **state)
{
        struct tree *tree = *state;
        int fd = path_open_in_root(tree->root, "/etc/new", O_WRONLY | O_CREAT | O_EXCL, 0600);
        struct stat status;

        assert_true(fd >= 0);
        fd_close(fd);
        assert_int_equal(stat("root/etc/new", &status), 0);
        assert_int_equal(status.st_mode & 07777, 0600);
        assert_int_equal(
                path_open_in_root(tree->root, "etc/new", O_WRONLY | O_CREAT | O_EXCL, 0600),
                -EEXIST);
}

static void test_directories_inside(void **state)
{
        struct tree *tree = *state;
        int fd = path_make_directory_in_root(tree->root, "/var/lib/x", 0750, getuid(), getgid());
        struct stat status;

        assert_true(fd >= 0);
        fd_close(fd);
        assert_int_equal(stat("root/var/lib/x", &status), 0);
        assert_int_equal(status.st_mode & 07777, 0750);
        fd = path_make_directory_in_root(tree->root, "var/lib", 0700, getuid(), getgid());
        assert_true(fd >= 0);
        fd_close(fd);
        fd = path_make_directory_in_root(tree->root, "/", 0700, getuid(), getgid());
        assert_true(fd >= 0);
        fd_close(fd);
        assert_int_equal(
                path_make_directory_in_root(tree->root, "etc/passwd/x", 0755, getuid(), getgid()),
                -ENOTDIR);
        assert_true(path_make_directory_in_root(tree->root, "etc/up/x", 0755, getuid(), getgid()) <
                    0);
        assert_int_equal(access("outside/x", F_OK), -1);
}

static void test_parents(void **state)
{
        struct tree *tree = *state;
        const char *name = NULL;
        int fd = path_open_parent_in_root(tree->root, "/etc/passwd", &name);

        assert_true(fd >= 0);
        assert_string_equal(name, "passwd");
        assert_int_equal(faccessat(fd, name, F_OK, 0), 0);
        fd_close(fd);
        fd = path_open_parent_in_root(tree->root, "etc", &name);
        assert_true(fd >= 0);
        assert_string_equal(name, "etc");
        fd_close(fd);
        assert_int_equal(path_open_parent_in_root(tree->root, "/", &name), -EINVAL);
        assert_int_equal(path_open_parent_in_root(tree->root, "etc/..", &name), -EINVAL);
        assert_int_equal(path_open_parent_in_root(tree->root, "none/x", &name), -ENOENT);
}

#define IN_TREE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_joining),
                cmocka_unit_test(test_normalizing),
                cmocka_unit_test(test_below_by_text),
                cmocka_unit_test(test_components),
                IN_TREE(test_nothing_leads_out_of_the_root),
                IN_TREE(test_magic_links_are_refused),
                IN_TREE(test_no_links_at_all),
                IN_TREE(test_creating_inside),
                IN_TREE(test_directories_inside),
                IN_TREE(test_parents),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
