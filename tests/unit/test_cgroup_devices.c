/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The device program, judged by the kernel: needs root, a cgroup2 mount and BPF. */
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
#include "base/process.h"
#include "base/strings.h"
#include "cgroup/devices-program.h"
#include "cgroup/devices.h"

#define WAIT UINT64_C(5000000)

/* Node 1:11 is the kernel log, which exists everywhere and is in no default list. */
#define KMSG "/dev/kmsg"

/* What one process in the group gets for opening a path: 0 or an errno. */
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

/* The same for making a node of the kernel log's number, and opening it after that. */
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_default_list),
                cmocka_unit_test(test_devices_of_the_definition),
                cmocka_unit_test(test_bad_devices),
                cmocka_unit_test(test_access),
                cmocka_unit_test(test_program_length),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
