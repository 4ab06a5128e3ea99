/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Creates, enters, freezes, empties and removes groups in the kernel: needs root and a cgroup2
 * mount, no controllers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "cgroup/tree/mount.h"
#include "cgroup/tree/tree.h"
#include "cgroup/tree/wait.h"

#define WAIT UINT64_C(5000000)

struct fixture {
        char name[64];
        struct cgroup group;
        struct machine_error error;
        pid_t child;
};

static int make_group(struct fixture *fixture)
{
        const struct cgroup_parameters parameters = { .name = fixture->name };

        return cgroup_create(&parameters, &fixture->group, &fixture->error);
}

static int set_up(void **state)
{
        struct fixture *fixture = calloc(1, sizeof *fixture);

        snprintf(fixture->name, sizeof fixture->name, "unit-test-%d", getpid());
        fixture->group = (struct cgroup)CGROUP_INIT;
        *state = fixture;
        return 0;
}

static int tear_down(void **state)
{
        struct fixture *fixture = *state;

        if (fixture->group.path) {
                (void)cgroup_remove(&fixture->group, WAIT, NULL);
        }
        if (fixture->child > 0) {
                (void)waitpid(fixture->child, NULL, 0);
        }
        cgroup_release(&fixture->group);
        machine_error_clear(&fixture->error);
        free(fixture);
        return 0;
}

static void require_host(struct fixture *fixture)
{
        _cleanup_free_ char *mount = NULL;

        if (geteuid() != 0 || cgroup_find_mount(&mount, NULL) < 0 || access(mount, W_OK) < 0) {
                print_message("skipped: needs root and a writable cgroup2 mount\n");
                skip();
        }
}

/* A child that is created in the group, and sleeps. */
static pid_t start_in(int group_fd)
{
        struct clone_args arguments = {
                .flags = CLONE_INTO_CGROUP,
                .exit_signal = SIGCHLD,
                .cgroup = (uint64_t)group_fd,
        };
        pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);

        if (pid == 0) {
                for (;;) {
                        pause();
                }
        }
        assert_true(pid > 0);
        return pid;
}

static void test_create_and_remove(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_free_ char *path = NULL;

        require_host(fixture);
        assert_int_equal(make_group(fixture), 0);
        assert_true(fixture->group.fd >= 0);
        assert_true(string_ends_with(fixture->group.path, fixture->name));
        path = strdup(fixture->group.path);
        assert_int_equal(access(path, F_OK), 0);
        assert_int_equal(cgroup_read_event(fixture->group.fd, "populated"), 0);
        assert_int_equal(cgroup_remove(&fixture->group, WAIT, &fixture->error), 0);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(fixture->group.fd, -EBADF);
        assert_null(fixture->group.path);
        assert_int_equal(cgroup_collect(path, WAIT, &fixture->error), 0);
}

static void test_bounded_subtree(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_free_ char *depth = NULL;
        _cleanup_free_ char *descendants = NULL;

        require_host(fixture);
        assert_int_equal(make_group(fixture), 0);
        assert_int_equal(file_read(fixture->group.fd, "cgroup.max.depth", 64, &depth, NULL), 0);
        assert_string_equal(depth, "64\n");
        assert_int_equal(
                file_read(fixture->group.fd, "cgroup.max.descendants", 64, &descendants, NULL), 0);
        assert_string_equal(descendants, "4096\n");
}

static void assert_owner(const struct cgroup *group, const char *file, uid_t uid, gid_t gid)
{
        struct stat status;

        assert_int_equal(fstatat(group->fd, file, &status, AT_EMPTY_PATH), 0);
        assert_int_equal(status.st_uid, uid);
        assert_int_equal(status.st_gid, gid);
}

static void test_delegate(void **state)
{
        struct fixture *fixture = *state;

        require_host(fixture);
        assert_int_equal(make_group(fixture), 0);
        assert_int_equal(cgroup_delegate(&fixture->group, 524288, 524289, &fixture->error), 0);
        assert_owner(&fixture->group, "", 524288, 524289);
        assert_owner(&fixture->group, "cgroup.procs", 524288, 524289);
        assert_owner(&fixture->group, "cgroup.subtree_control", 524288, 524289);
        assert_owner(&fixture->group, "cgroup.max.depth", 0, 0);
        assert_owner(&fixture->group, "cgroup.freeze", 0, 0);
}

static void test_kill_and_wait(void **state)
{
        struct fixture *fixture = *state;

        require_host(fixture);
        assert_int_equal(make_group(fixture), 0);
        fixture->child = start_in(fixture->group.fd);
        assert_int_equal(cgroup_read_event(fixture->group.fd, "populated"), 1);
        assert_int_equal(cgroup_wait_empty(&fixture->group, 20000, &fixture->error), -ETIMEDOUT);
        assert_non_null(strstr(fixture->error.message, "(test_cgroup_tre)"));
        assert_int_equal(cgroup_kill(&fixture->group, &fixture->error), 0);
        assert_int_equal(cgroup_wait_empty(&fixture->group, WAIT, &fixture->error), 0);
        assert_int_equal(process_wait(fixture->child), 128 + SIGKILL);
        fixture->child = 0;
        assert_int_equal(cgroup_read_event(fixture->group.fd, "populated"), 0);
}

static void test_freeze(void **state)
{
        struct fixture *fixture = *state;

        require_host(fixture);
        assert_int_equal(make_group(fixture), 0);
        fixture->child = start_in(fixture->group.fd);
        assert_int_equal(cgroup_is_frozen(&fixture->group), 0);
        assert_int_equal(cgroup_freeze(&fixture->group, true, WAIT, &fixture->error), 0);
        assert_int_equal(cgroup_is_frozen(&fixture->group), 1);
        assert_int_equal(cgroup_freeze(&fixture->group, false, WAIT, &fixture->error), 0);
        assert_int_equal(cgroup_is_frozen(&fixture->group), 0);
        /* A frozen machine can be killed and removed. */
        assert_int_equal(cgroup_freeze(&fixture->group, true, WAIT, &fixture->error), 0);
        assert_int_equal(cgroup_remove(&fixture->group, WAIT, &fixture->error), 0);
}

static void test_removal_of_nested_groups(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int leaf = -EBADF;

        require_host(fixture);
        assert_int_equal(make_group(fixture), 0);
        path = strdup(fixture->group.path);
        assert_int_equal(mkdirat(fixture->group.fd, "a", 0755), 0);
        assert_int_equal(mkdirat(fixture->group.fd, ".hidden", 0755), 0);
        assert_int_equal(mkdirat(fixture->group.fd, "a/b", 0755), 0);
        assert_int_equal(mkdirat(fixture->group.fd, "a/b/c", 0755), 0);
        assert_int_equal(mkdirat(fixture->group.fd, "a/d", 0755), 0);
        leaf = openat(fixture->group.fd, "a/b/c", O_PATH | O_DIRECTORY | O_CLOEXEC);
        fixture->child = start_in(leaf);
        assert_int_equal(cgroup_read_event(fixture->group.fd, "populated"), 1);
        assert_int_equal(cgroup_remove(&fixture->group, WAIT, &fixture->error), 0);
        assert_int_equal(access(path, F_OK), -1);
}

static void test_deep_nesting_is_refused_and_removed(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_close_ int fd = -EBADF;
        int depth = 0;

        require_host(fixture);
        assert_int_equal(make_group(fixture), 0);
        fd = openat(fixture->group.fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        while (depth < 100 && mkdirat(fd, "n", 0755) == 0) {
                int next = openat(fd, "n", O_PATH | O_DIRECTORY | O_CLOEXEC);

                fd_close(fd);
                fd = next;
                depth++;
        }
        assert_int_equal(depth, 64);
        assert_int_equal(cgroup_remove(&fixture->group, WAIT, &fixture->error), 0);
}

static void test_leftover_is_replaced(void **state)
{
        struct fixture *fixture = *state;

        require_host(fixture);
        assert_int_equal(make_group(fixture), 0);
        assert_int_equal(mkdirat(fixture->group.fd, "left", 0755), 0);
        cgroup_release(&fixture->group);
        assert_int_equal(make_group(fixture), 0);
        assert_int_equal(faccessat(fixture->group.fd, "left", F_OK, 0), -1);
}

static void test_name_of_a_living_machine(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_cgroup_ struct cgroup second = CGROUP_INIT;
        struct cgroup first;

        require_host(fixture);
        assert_int_equal(make_group(fixture), 0);
        first = fixture->group;
        assert_int_equal(make_group(fixture), 0);
        second = fixture->group;
        fixture->group = first;
        assert_true(string_ends_with(second.path, "+1"));
        assert_int_equal(access(first.path, F_OK), 0);
        /* Clean-up does not remove it either. */
        assert_int_equal(cgroup_collect(first.path, WAIT, &fixture->error), 0);
        assert_int_equal(access(first.path, F_OK), 0);
        assert_int_equal(cgroup_remove(&second, WAIT, &fixture->error), 0);
        second = (struct cgroup)CGROUP_INIT;
}

static void test_processes_of_a_crashed_start(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_free_ char *path = NULL;

        require_host(fixture);
        assert_int_equal(make_group(fixture), 0);
        path = strdup(fixture->group.path);
        fixture->child = start_in(fixture->group.fd);
        /* The child has a copy of the lock's descriptor, but exits with the group's creator: it
         * does not keep the group. */
        cgroup_release(&fixture->group);
        assert_int_equal(kill(fixture->child, SIGKILL), 0);
        assert_int_equal(cgroup_collect(path, WAIT, &fixture->error), 0);
        assert_int_equal(access(path, F_OK), -1);
}

static void test_bad_names(void **state)
{
        static const char *const names[] = { "", ".", "..", "a/b", "../x" };
        struct fixture *fixture = *state;

        for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
                struct cgroup_parameters parameters = { .name = names[i] };

                assert_int_equal(cgroup_create(&parameters, &fixture->group, &fixture->error),
                                 -EINVAL);
        }
}

static void test_open(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_cgroup_ struct cgroup again = CGROUP_INIT;

        require_host(fixture);
        assert_int_equal(cgroup_open("/tmp", &again, &fixture->error), -EINVAL);
        assert_int_equal(cgroup_open("/nowhere/at/all", &again, &fixture->error), -ENOENT);
        assert_int_equal(make_group(fixture), 0);
        assert_int_equal(cgroup_open(fixture->group.path, &again, &fixture->error), 0);
        assert_string_equal(again.path, fixture->group.path);
        assert_string_equal(again.top, fixture->group.top);
}

static void test_entry(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_close_ int entry = -EBADF;
        struct stat a, b;

        require_host(fixture);
        assert_int_equal(make_group(fixture), 0);
        fixture->child = start_in(fixture->group.fd);
        entry = cgroup_open_entry(&fixture->group, fixture->child, &fixture->error);
        assert_true(entry >= 0);
        assert_int_equal(fstat(entry, &a), 0);
        assert_int_equal(fstat(fixture->group.fd, &b), 0);
        assert_true(a.st_ino == b.st_ino);
}

/* Runs in a child, since it moves: creates the group below the unit that it runs in, and reports an
 * error by its exit status. */
static int make_under_unit(const char *unit)
{
        struct cgroup_parameters parameters = { .name = "any" };
        _cleanup_free_ char *expected = string_format("%s/payload", unit);
        _cleanup_free_ char *text = NULL;
        struct cgroup group = CGROUP_INIT;

        if (cgroup_create(&parameters, &group, NULL) < 0) {
                return 1;
        }
        if (!string_equal(group.path, expected) || !string_equal(group.top, unit)) {
                return 2;
        }
        if (file_read(AT_FDCWD, "/proc/self/cgroup", 4096, &text, NULL) < 0 ||
            !strstr(text, "/supervisor\n")) {
                return 3;
        }
        if (cgroup_remove(&group, WAIT, NULL) < 0 || access(unit, F_OK) < 0) {
                return 4;
        }
        /* Once more from UNIT/supervisor, where a unit may have started it. */
        if (cgroup_create(&parameters, &group, NULL) < 0 || !string_equal(group.path, expected)) {
                return 5;
        }
        return cgroup_remove(&group, WAIT, NULL) < 0 ? 6 : 0;
}

static void test_delegated_unit(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_free_ char *mount = NULL;
        _cleanup_free_ char *unit = NULL;
        _cleanup_free_ char *supervisor = NULL;
        _cleanup_close_ int fd = -EBADF;
        struct clone_args arguments = {
                .flags = CLONE_INTO_CGROUP,
                .exit_signal = SIGCHLD,
        };
        pid_t pid;

        require_host(fixture);
        assert_int_equal(cgroup_find_mount(&mount, NULL), 0);
        unit = string_format("%s/unit-test-unit-%d.service", mount, getpid());
        supervisor = string_format("%s/supervisor", unit);
        assert_int_equal(mkdir(unit, 0755), 0);
        assert_int_equal(setxattr(unit, "trusted.delegate", "1", 1, 0), 0);
        fd = open(unit, O_PATH | O_DIRECTORY | O_CLOEXEC);
        arguments.cgroup = (uint64_t)fd;
        pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
        if (pid == 0) {
                _exit(make_under_unit(unit));
        }
        assert_int_equal(process_wait(pid), 0);
        assert_int_equal(rmdir(supervisor), 0);
        assert_int_equal(rmdir(unit), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_create_and_remove),
                TEST(test_bounded_subtree),
                TEST(test_delegate),
                TEST(test_kill_and_wait),
                TEST(test_freeze),
                TEST(test_removal_of_nested_groups),
                TEST(test_deep_nesting_is_refused_and_removed),
                TEST(test_leftover_is_replaced),
                TEST(test_name_of_a_living_machine),
                TEST(test_processes_of_a_crashed_start),
                TEST(test_bad_names),
                TEST(test_open),
                TEST(test_entry),
                TEST(test_delegated_unit),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
