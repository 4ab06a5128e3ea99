/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs the device program in the kernel: needs root, a cgroup2 mount and BPF. */
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
#include <sys/sysmacros.h>

#include "base/error.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "cgroup/limits/devices.h"
#include "cgroup/limits/devices_program.h"
#include "cgroup/tree/mount.h"

#define WAIT UINT64_C(5000000)

/* Node 1:11 is the kernel log, which exists everywhere and is not allowed by default. */
#define KMSG "/dev/kmsg"

/* The result of opening a path in a process in the group: 0 or an errno. */
static int open_inside(const struct cgroup *group, const char *path, int flags)
{
        struct clone_args arguments = {
                .flags = CLONE_INTO_CGROUP,
                .exit_signal = SIGCHLD,
                .cgroup = (uint64_t)group->fd,
        };
        pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);

        if (pid == 0) {
                _exit(open(path, flags | O_NONBLOCK | O_NOCTTY) < 0 ? errno : 0);
        }
        assert_true(pid > 0);
        return process_wait(pid);
}

/* The same for creating a node with the kernel log's number, and then opening it. */
static int make_and_open_inside(const struct cgroup *group)
{
        char path[64];
        int r;
        struct clone_args arguments = {
                .flags = CLONE_INTO_CGROUP,
                .exit_signal = SIGCHLD,
                .cgroup = (uint64_t)group->fd,
        };
        pid_t pid;

        snprintf(path, sizeof path, "/dev/shm/unit-test-node-%d", getpid());
        pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
        if (pid == 0) {
                if (mknod(path, S_IFCHR | 0600, makedev(1, 11)) < 0) {
                        _exit(255);
                }
                _exit(open(path, O_RDONLY | O_NONBLOCK) < 0 ? errno : 0);
        }
        assert_true(pid > 0);
        r = process_wait(pid);
        (void)unlink(path);
        return r;
}

static bool restrict_group(struct cgroup *group, const struct machine_device *devices, size_t count)
{
        char name[64];
        struct cgroup_parameters parameters = { .name = name };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_free_ char *mount = NULL;

        if (geteuid() != 0 || cgroup_find_mount(&mount, NULL) < 0 || access(mount, W_OK) < 0 ||
            access(KMSG, R_OK) < 0) {
                return false;
        }
        snprintf(name, sizeof name, "unit-test-devices-%d", getpid());
        assert_int_equal(cgroup_create(&parameters, group, NULL), 0);
        if (cgroup_restrict_devices(group, devices, count, &error) < 0) {
                (void)cgroup_remove(group, WAIT, NULL);
                fail_msg("%s", error.message);
        }
        return true;
}

static void test_default_list(void **state)
{
        struct cgroup group = CGROUP_INIT;

        if (!restrict_group(&group, NULL, 0)) {
                skip();
        }
        assert_int_equal(open_inside(&group, "/dev/null", O_RDWR), 0);
        assert_int_equal(open_inside(&group, "/dev/zero", O_RDONLY), 0);
        assert_int_equal(open_inside(&group, "/dev/urandom", O_RDONLY), 0);
        assert_int_equal(open_inside(&group, "/dev/ptmx", O_RDWR), 0);
        assert_int_equal(open_inside(&group, KMSG, O_RDONLY), EPERM);
        assert_int_equal(make_and_open_inside(&group), EPERM);
        assert_int_equal(cgroup_remove(&group, WAIT, NULL), 0);
        assert_int_equal(open(KMSG, O_RDONLY | O_NONBLOCK | O_CLOEXEC) < 0, 0);
}

static void test_devices_of_the_definition(void **state)
{
        struct machine_device device = {
                .source = (char *)KMSG,
                .target = (char *)KMSG,
                .access = "r",
        };
        struct cgroup group = CGROUP_INIT;

        if (!restrict_group(&group, &device, 1)) {
                skip();
        }
        assert_int_equal(open_inside(&group, KMSG, O_RDONLY), 0);
        assert_int_equal(open_inside(&group, KMSG, O_WRONLY), EPERM);
        assert_int_equal(open_inside(&group, KMSG, O_RDWR), EPERM);
        assert_int_equal(cgroup_remove(&group, WAIT, NULL), 0);
}

static void test_bad_devices(void **state)
{
        struct machine_device device = { .source = (char *)"/proc/self/status", .access = "rw" };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        struct cgroup group = CGROUP_INIT;

        assert_int_equal(cgroup_restrict_devices(&group, &device, 1, &error), -EINVAL);
        assert_non_null(strstr(error.message, "/proc/self/status is not a device"));
        device.source = (char *)"/dev/nowhere";
        assert_int_equal(cgroup_restrict_devices(&group, &device, 1, &error), -ENOENT);
        assert_non_null(strstr(error.message, "/dev/nowhere"));
}

static void test_access(void **state)
{
        assert_int_equal(device_access_parse("r"), DEVICE_READ);
        assert_int_equal(device_access_parse("rw"), DEVICE_READ | DEVICE_WRITE);
        assert_int_equal(device_access_parse("m"), DEVICE_MAKE);
        assert_int_equal(device_access_parse("mrw"), DEVICE_ALL);
        assert_int_equal(device_access_parse(""), DEVICE_ALL);
}

static void test_program_length(void **state)
{
        struct device_rule rules[600] = { 0 };
        _cleanup_free_ struct bpf_insn *program = NULL;
        size_t length = 0;

        assert_int_equal(device_program_build(rules, 600, &program, &length), -E2BIG);
        for (size_t i = 0; i < 291; i++) {
                rules[i] = (struct device_rule){ 'b', 8, (uint32_t)i, DEVICE_READ };
        }
        assert_int_equal(device_program_build(rules, 291, &program, &length), 0);
        assert_true(length <= 4096);
}

/* The last rule that matches decides, for each kind of access. */
static void test_ordered_rules(void **state)
{
        static struct machine_device_rule rules[] = {
                { false, 'a', MACHINE_UNSET, MACHINE_UNSET, "rwm" },
                { true, 'c', 1, 11, "rw" },
                { false, 'c', 1, 11, "w" },
                { false, 'c', 1, 3, "rwm" },
        };
        struct machine_limits limits = { .device_rules = rules, .device_rule_count = 2 };
        struct cgroup group = CGROUP_INIT;

        if (!restrict_group(&group, NULL, 0)) {
                skip();
        }
        assert_int_equal(cgroup_remove(&group, WAIT, NULL), 0);
        for (int count = 1; count <= (int)ELEMENTS_OF(rules); count++) {
                struct cgroup_parameters parameters = { .name = "unit-test-devices-ordered" };

                limits.device_rule_count = (size_t)count;
                assert_int_equal(cgroup_create(&parameters, &group, NULL), 0);
                assert_int_equal(cgroup_restrict_devices_by(&group, &limits, NULL), 0);
                assert_int_equal(open_inside(&group, KMSG, O_RDONLY), count > 1 ? 0 : EPERM);
                assert_int_equal(open_inside(&group, KMSG, O_RDWR), count == 2 ? 0 : EPERM);
                assert_int_equal(open_inside(&group, KMSG, O_WRONLY), count == 2 ? 0 : EPERM);
                /* What every container has comes after all rules. */
                assert_int_equal(open_inside(&group, "/dev/null", O_RDWR), 0);
                assert_int_equal(make_and_open_inside(&group), count > 1 ? 0 : EPERM);
                assert_int_equal(cgroup_remove(&group, WAIT, NULL), 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ordered_rules),
                cmocka_unit_test(test_default_list),
                cmocka_unit_test(test_devices_of_the_definition),
                cmocka_unit_test(test_bad_devices),
                cmocka_unit_test(test_access),
                cmocka_unit_test(test_program_length),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
