/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parsing the kernel's files about control groups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <machine/machine.h>

#include "base/error.h"
#include "base/strings.h"
#include "base/tree/mount_table.h"
#include "cgroup/tree/controllers.h"
#include "cgroup/tree/flat.h"

static const char hybrid[] =
        "23 1 0:21 / / rw shared:1 - ext4 /dev/vda rw\n"
        "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
        "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:4 master:2 - cgroup cgroup "
        "rw,cpu,cpuacct\n"
        "35 31 0:32 / /sys/fs/cgroup/my\\040memory rw,relatime - cgroup cgroup rw,memory\n"
        "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n";

static void assert_found(const char *type, const char *option, const char *expected)
{
        _cleanup_free_ char *found = NULL;

        assert_int_equal(mount_table_find(hybrid, type, option, &found), 0);
        assert_string_equal(found, expected);
}

static void test_mountinfo(void **state)
{
        char *found = NULL;

        assert_found("cgroup2", NULL, "/sys/fs/cgroup/unified");
        assert_found("cgroup", "cpu", "/sys/fs/cgroup/cpu,cpuacct");
        assert_found("cgroup", "cpuacct", "/sys/fs/cgroup/cpu,cpuacct");
        assert_found("cgroup", "memory", "/sys/fs/cgroup/my memory");
        assert_int_equal(mount_table_find(hybrid, "cgroup", "mem", &found), -ENOENT);
        assert_int_equal(mount_table_find(hybrid, "cgroup", "pids", &found), -ENOENT);
        assert_int_equal(mount_table_find("", "cgroup2", NULL, &found), -ENOENT);
        assert_int_equal(mount_table_find("nonsense\n1 2 - \n - a\n", "a", NULL, &found), -ENOENT);
        assert_null(found);
}

/* Later bind mounts, as for a monitoring agent, are not the host's own. */
static void test_mountinfo_first(void **state)
{
        _cleanup_free_ char *found = NULL;

        assert_int_equal(mount_table_find("1 0 0:1 / /a rw - cgroup2 none rw\n"
                                          "2 0 0:1 / /b rw - cgroup2 none rw\n",
                                          "cgroup2", NULL, &found),
                         0);
        assert_string_equal(found, "/a");
}

static void assert_absence(enum cgroup_controller controller, const char *mountinfo,
                           const char *proc_cgroups, const char *part, const char *hint_part)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        assert_int_equal(
                cgroup_explain_absence(controller, "limits.x", mountinfo, proc_cgroups, &error),
                -ENODEV);
        assert_non_null(strstr(error.message, "limits.x"));
        assert_non_null(strstr(error.message, cgroup_controller_name(controller)));
        if (!strstr(error.message, part)) {
                fail_msg("\"%s\" not in \"%s\"", part, error.message);
        }
        assert_non_null(strstr(error.hint, hint_part));
}

static void test_absence(void **state)
{
        const char *kernel = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"
                             "cpu\t9\t1\t1\nmemory\t0\t1\t0\nblkio\t7\t1\t1\n";

        assert_absence(CGROUP_MEMORY, hybrid, kernel, "/sys/fs/cgroup/my memory", "cgroup_no_v1");
        assert_absence(CGROUP_IO, hybrid, kernel, "number 7", "cgroup_no_v1");
        assert_absence(CGROUP_MEMORY, NULL, kernel, "disabled", "cgroup_disable=memory");
        assert_absence(CGROUP_PIDS, "", kernel, "which this kernel lacks", "built with it");
        assert_absence(CGROUP_PIDS, NULL, NULL, "which this kernel lacks", "built with it");
}

static void test_controllers(void **state)
{
        assert_int_equal(cgroup_parse_controllers("cpuset cpu io memory hugetlb pids rdma misc\n"),
                         (1 << CGROUP_CONTROLLERS) - 1);
        assert_int_equal(cgroup_parse_controllers("cpuset\n"), CGROUP_CPUSET);
        assert_int_equal(cgroup_parse_controllers("\n"), 0);
        assert_int_equal(cgroup_parse_controllers("cpus"), 0);
}

static void test_flat(void **state)
{
        const char *text = "low 0\nhigh 12\noom 3\noom_kill 18446744073709551615\nbad x\n";
        uint64_t value = 7;

        assert_int_equal(flat_get(text, "high", &value), 0);
        assert_int_equal(value, 12);
        assert_int_equal(flat_get(text, "oom", &value), 0);
        assert_int_equal(value, 3);
        assert_int_equal(flat_get(text, "oom_kill", &value), 0);
        assert_true(value == UINT64_MAX);
        assert_int_equal(flat_get(text, "oo", &value), -ENOENT);
        assert_int_equal(flat_get(text, "bad", &value), -EINVAL);
        assert_int_equal(flat_get("", "high", &value), -ENOENT);
        assert_int_equal(flat_get("high 99999999999999999999\n", "high", &value), -EINVAL);
}

static void test_nested(void **state)
{
        const char *line = "8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353\n9:0 dbytes=5\n";
        uint64_t value = 0;

        assert_int_equal(nested_get(line, "wbytes", &value), 0);
        assert_int_equal(value, 314773504);
        assert_int_equal(nested_get(line, "wios", &value), 0);
        assert_int_equal(value, 353);
        assert_int_equal(nested_get(line, "bytes", &value), -ENOENT);
        assert_int_equal(nested_get(line, "dbytes", &value), -ENOENT);
        assert_int_equal(nested_get("", "dbytes", &value), -ENOENT);
}

static void test_value(void **state)
{
        uint64_t value = 0;

        assert_int_equal(value_get("max\n", &value), 0);
        assert_true(value == MACHINE_UNLIMITED);
        assert_int_equal(value_get("4096\n", &value), 0);
        assert_int_equal(value, 4096);
        assert_int_equal(value_get("-1\n", &value), -EINVAL);
        assert_int_equal(value_get("\n", &value), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_mountinfo), cmocka_unit_test(test_mountinfo_first),
                cmocka_unit_test(test_absence),   cmocka_unit_test(test_controllers),
                cmocka_unit_test(test_flat),      cmocka_unit_test(test_nested),
                cmocka_unit_test(test_value),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
