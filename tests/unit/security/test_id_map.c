/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "security/ids/id_map.h"
#include "security/ids/id_taken.h"

static char directory[64];

static int set_up(void **state)
{
        strcpy(directory, "/tmp/test-ids-XXXXXX");
        return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state)
{
        char path[128];
        static const char *const names[] = { "id-ranges", "passwd", "group", "subuid", "subgid" };

        for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
                snprintf(path, sizeof path, "%s/%s", directory, names[i]);
                unlink(path);
        }
        return rmdir(directory);
}

static void put(const char *name, const char *text)
{
        char path[128];

        snprintf(path, sizeof path, "%s/%s", directory, name);
        assert_int_equal(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644), 0);
}

DEFINE_CLEANUP(struct machine *, machine_free, cleanup_machine)
#define _cleanup_machine_ _cleanup_(cleanup_machine)

static void test_taken(void **state)
{
        _cleanup_id_taken_ struct id_taken taken = { 0 };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        struct id_range range = { 589824, 65536 }, other;

        put("subuid", "# comment\nalice:600000:65536\nroot:1000000:1000000000\nbroken:x:y\n:::\n");
        put("subgid", "bob:4000000000:999999999999\nlast:3000000000:10");
        put("passwd", "root:x:0:0::/:/bin/sh\nservice:x:2000000001:1::/:/bin/sh");
        put("group", "far:x:2100000000:\n");
        assert_int_equal(id_taken_read(directory, &taken, &error), 0);

        assert_true(id_taken_find(&taken, &range, &other));
        assert_int_equal(other.base, 600000);
        assert_int_equal(other.count, 65536);
        assert_int_equal(id_taken_explain(&taken, &range, &error), -EBUSY);
        assert_non_null(strstr(error.message, "600000:65536 of alice in /etc/subuid"));

        range.base = 524288;
        assert_false(id_taken_find(&taken, &range, &other));
        /* root's own entry conflicts with an automatic range, not with a configured one. */
        range.base = 1048576;
        assert_true(id_taken_find(&taken, &range, &other));
        assert_int_equal(id_taken_explain(&taken, &range, &error), 0);
        range = (struct id_range){ 1999999990, 100 };
        assert_int_equal(id_taken_explain(&taken, &range, &error), -EBUSY);
        assert_non_null(strstr(error.message, "service in /etc/passwd"));
        range = (struct id_range){ 2099999999, 2 };
        assert_int_equal(id_taken_explain(&taken, &range, &error), -EBUSY);
        range = (struct id_range){ 2099999999, 1 };
        assert_int_equal(id_taken_explain(&taken, &range, &error), 0);
        range = (struct id_range){ 3000000009, 1 };
        assert_int_equal(id_taken_explain(&taken, &range, &error), -EBUSY);
        range = (struct id_range){ 3000000010, 1 };
        assert_int_equal(id_taken_explain(&taken, &range, &error), 0);
        range = (struct id_range){ 4294967294U, 1 };
        assert_int_equal(id_taken_explain(&taken, &range, &error), -EBUSY);
        range = (struct id_range){ 0, 1 };
        assert_int_equal(id_taken_explain(&taken, &range, &error), -EBUSY);
}

static void test_lease(void **state)
{
        _cleanup_machine_ struct machine *machine = machine_new("web");
        _cleanup_machine_ struct machine *other = machine_new("other");
        _cleanup_id_lease_ struct id_lease first = ID_LEASE_INIT;
        _cleanup_id_lease_ struct id_lease second = ID_LEASE_INIT;
        _cleanup_id_lease_ struct id_lease third = ID_LEASE_INIT;
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        assert_int_equal(id_range_acquire(directory, machine, &first, &error), 0);
        assert_int_equal(first.range.count, 65536);
        assert_int_equal(first.range.base % 65536, 0);
        assert_true(first.range.base >= 524288 && first.range.base <= 1878982656);
        assert_true(fcntl(first.fd, F_GETFD) & FD_CLOEXEC);

        /* The same name gets another range while the first is held .. */
        assert_int_equal(id_range_acquire(directory, machine, &second, &error), 0);
        assert_int_equal(second.range.base, first.range.base + 65536);

        /* .. a configured one that overlaps is refused with the holder's name .. */
        other->namespaces.user = MACHINE_USER_NAMESPACE_RANGE;
        other->namespaces.user_base = first.range.base + 65535;
        other->namespaces.user_count = 10;
        assert_int_equal(id_range_acquire(directory, other, &third, &error), -EBUSY);
        assert_non_null(strstr(error.message, "of machine web"));

        /* .. and both are free again after they are released. */
        id_lease_release(&second);
        uint32_t base = first.range.base;
        id_lease_release(&first);
        assert_int_equal(id_range_acquire(directory, machine, &first, &error), 0);
        assert_int_equal(first.range.base, base);
        id_lease_release(&first);
        assert_int_equal(id_range_acquire(directory, other, &third, &error), 0);
        assert_int_equal(third.range.count, 10);
}

static void test_lease_none(void **state)
{
        _cleanup_machine_ struct machine *machine = machine_new("web");
        struct id_lease lease = { { 1, 1 }, 0 };

        machine->namespaces.user = MACHINE_USER_NAMESPACE_NONE;
        assert_int_equal(id_range_acquire(directory, machine, &lease, NULL), 0);
        assert_int_equal(lease.range.count, 0);
        assert_true(lease.fd < 0);
}

/* The kernel releases a lease when its holder is killed. */
static void test_lease_of_a_dead_holder(void **state)
{
        _cleanup_machine_ struct machine *machine = machine_new("web");
        _cleanup_id_lease_ struct id_lease lease = ID_LEASE_INIT;
        int ends[2];
        uint32_t base;
        pid_t pid;

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        pid = fork();
        if (pid == 0) {
                struct id_lease held = ID_LEASE_INIT;

                if (id_range_acquire(directory, machine, &held, NULL) < 0 ||
                    write(ends[1], &held.range.base, sizeof base) != sizeof base) {
                        _exit(1);
                }
                pause();
        }
        assert_int_equal(read(ends[0], &base, sizeof base), sizeof base);
        assert_int_equal(id_range_acquire(directory, machine, &lease, NULL), 0);
        assert_int_equal(lease.range.base, base + 65536);
        id_lease_release(&lease);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        assert_int_equal(id_range_acquire(directory, machine, &lease, NULL), 0);
        assert_int_equal(lease.range.base, base);
        close(ends[0]);
        close(ends[1]);
}

/* Many simultaneous leases with the same name, which all prefer one range. */
static void test_leases_at_once(void **state)
{
        enum { PROCESSES = 20 };
        _cleanup_machine_ struct machine *machine = machine_new("web");
        uint32_t bases[PROCESSES];
        int ends[2], go[2];

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_int_equal(pipe2(go, O_CLOEXEC), 0);
        for (int i = 0; i < PROCESSES; i++) {
                if (fork() == 0) {
                        struct id_lease held = ID_LEASE_INIT;
                        char byte;

                        close(go[1]);
                        if (id_range_acquire(directory, machine, &held, NULL) < 0 ||
                            write(ends[1], &held.range.base, sizeof *bases) != sizeof *bases ||
                            read(go[0], &byte, 1) != 0) {
                                _exit(1);
                        }
                        _exit(0);
                }
        }
        for (int i = 0; i < PROCESSES; i++) {
                assert_int_equal(read(ends[0], &bases[i], sizeof *bases), sizeof *bases);
                for (int j = 0; j < i; j++) {
                        assert_true(bases[i] != bases[j]);
                }
        }
        close(go[1]);
        for (int i = 0; i < PROCESSES; i++) {
                int status;

                wait(&status);
                assert_int_equal(status, 0);
        }
        close(ends[0]);
        close(ends[1]);
        close(go[0]);
}

static void test_user_namespace(void **state)
{
        struct id_range range = { 1878982656, 65536 };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        int fd = -EBADF, r;
        pid_t pid;

        if (geteuid() != 0) {
                skip();
        }
        r = user_namespace_create(&range, &fd, &error);
        if (r < 0) {
                fail_msg("%s (%s)", error.message, error.hint);
        }
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        /* No process is left behind, nor to be reaped. */
        assert_int_equal(waitpid(-1, NULL, __WALL), -1);
        assert_int_equal(errno, ECHILD);
        pid = fork();
        if (pid == 0) {
                _cleanup_free_ char *map = NULL, *groups = NULL;

                if (setns(fd, CLONE_NEWUSER) < 0 ||
                    file_read(AT_FDCWD, "/proc/self/uid_map", 4096, &map, NULL) < 0 ||
                    file_read(AT_FDCWD, "/proc/self/setgroups", 4096, &groups, NULL) < 0) {
                        _exit(1);
                }
                _exit(strstr(map, "0 1878982656      65536") && strcmp(groups, "allow\n") == 0 ? 0
                                                                                               : 2);
        }
        assert_int_equal(waitpid(pid, &r, 0), pid);
        assert_int_equal(r, 0);
        close(fd);
}

/* CVE-2014-8989: without CAP_SETGID the group map is refused while setgroups(2) is allowed. */
static void test_unprivileged_map(void **state)
{
        struct id_range range = { 1878982656, 65536 };
        int status;
        pid_t pid;

        if (geteuid() != 0) {
                skip();
        }
        pid = fork();
        if (pid == 0) {
                struct machine_error error = MACHINE_ERROR_INIT;
                int fd;

                if (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 ||
                    setresuid(65534, 65534, 65534) < 0) {
                        _exit(1);
                }
                if (user_namespace_create(&range, &fd, &error) >= 0 || !error.hint) {
                        _exit(2);
                }
                _exit(strstr(error.hint, "CAP_SETGID") || strstr(error.hint, "sysctl") ? 0 : 3);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

/* In a user namespace that lacks the ids, the error gives that as the reason. */
static void test_map_of_missing_ids(void **state)
{
        struct id_range outer = { 1878982656, 65536 }, range = { 70000, 65536 };
        int status, fd;
        pid_t pid;

        if (geteuid() != 0) {
                skip();
        }
        assert_int_equal(user_namespace_create(&outer, &fd, NULL), 0);
        pid = fork();
        if (pid == 0) {
                struct machine_error error = MACHINE_ERROR_INIT;
                int inner;

                if (setns(fd, CLONE_NEWUSER) < 0 || setresuid(0, 0, 0) < 0 ||
                    setresgid(0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0) {
                        _exit(1);
                }
                if (user_namespace_create(&range, &inner, &error) >= 0) {
                        _exit(2);
                }
                _exit(strstr(error.message, "user namespace itself") ? 0 : 3);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        close(fd);
}

static void test_explanations(void **state)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        static const int numbers[] = { ENOSPC, EUSERS, EPERM, EINVAL, ENOMEM };

        for (size_t i = 0; i < ELEMENTS_OF(numbers); i++) {
                assert_int_equal(user_namespace_explain(numbers[i], &error), -numbers[i]);
                assert_int_equal(user_namespace_explain(-numbers[i], NULL), -numbers[i]);
                assert_non_null(error.message);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_taken, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_lease, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_lease_none, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_lease_of_a_dead_holder, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_leases_at_once, set_up, tear_down),
                cmocka_unit_test(test_user_namespace),
                cmocka_unit_test(test_unprivileged_map),
                cmocka_unit_test(test_map_of_missing_ids),
                cmocka_unit_test(test_explanations),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
