/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Usage and events in the kernel's format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include <machine/machine.h>

#include "base/error.h"
#include "base/strings.h"
#include "cgroup/tree/mount.h"
#include "cgroup/usage/events.h"
#include "cgroup/usage/kernel_log.h"
#include "cgroup/usage/usage_text.h"

static void test_pressure(void **state)
{
        struct cgroup_pressure pressure = { 0 };

        usage_parse_pressure("some avg10=1.50 avg60=12.34 avg300=0.00 total=98765\n"
                             "full avg10=0.05 avg60=100.00 avg300=0.00 total=432\n",
                             &pressure);
        assert_int_equal(pressure.some_10, 150);
        assert_int_equal(pressure.some_60, 1234);
        assert_int_equal(pressure.some_total, 98765);
        assert_int_equal(pressure.full_10, 5);
        assert_int_equal(pressure.full_60, 10000);
        assert_int_equal(pressure.full_total, 432);
        /* Fields that a text lacks keep their value. */
        usage_parse_pressure("some avg10=2.00 avg60=0.00 avg300=0.00 total=1\n", &pressure);
        assert_int_equal(pressure.some_10, 200);
        assert_int_equal(pressure.full_60, 10000);
        usage_parse_pressure("", &pressure);
        assert_int_equal(pressure.some_10, 200);
}

static void test_io(void **state)
{
        struct cgroup_usage usage = { .io_read = MACHINE_UNSET };

        usage_parse_io("8:16 rbytes=1000 wbytes=2000 rios=3 wios=4 dbytes=0 dios=0\n"
                       "8:0 \n"
                       "254:0 rbytes=10 wbytes=20 rios=30 wios=40 dbytes=50 dios=60\n",
                       &usage);
        assert_int_equal(usage.io_read, 1010);
        assert_int_equal(usage.io_write, 2020);
        assert_int_equal(usage.io_read_operations, 33);
        assert_int_equal(usage.io_write_operations, 44);
        usage_parse_io("", &usage);
        assert_int_equal(usage.io_read, 0);
}

static void test_cpu_limit(void **state)
{
        struct cgroup_usage usage = { 0 };

        usage_parse_cpu_limit("50000 100000\n", &usage);
        assert_int_equal(usage.cpu_quota, 50000);
        assert_int_equal(usage.cpu_period, 100000);
        usage_parse_cpu_limit("max 20000\n", &usage);
        assert_true(usage.cpu_quota == MACHINE_UNLIMITED);
        assert_int_equal(usage.cpu_period, 20000);
}

#define KILL(prefix, rest) prefix ";oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null)," rest

static int parse(const char *record, struct kernel_kill *kill)
{
        memset(kill, 0, sizeof *kill);
        return kernel_log_parse_kill(record, "/machinectl-lite/web", kill);
}

static void test_kill_is_found(void **state)
{
        struct kernel_kill kill;

        assert_int_equal(parse(KILL("6,911,1234567,-",
                                    "cpuset=web,mems_allowed=0,oom_memcg=/machinectl-lite/web,"
                                    "task_memcg=/machinectl-lite/web,task=stress,pid=4711,uid=0\n"),
                               &kill),
                         1);
        assert_int_equal(kill.pid, 4711);
        assert_string_equal(kill.name, "stress");
        assert_false(kill.host);
        assert_int_equal(
                parse("6,911,1234567,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),"
                      "cpuset=/,mems_allowed=0,global_oom,"
                      "task_memcg=/machinectl-lite/web/a.slice,task=x y,pid=5,uid=524288\n",
                      &kill),
                1);
        assert_int_equal(kill.pid, 5);
        assert_string_equal(kill.name, "x y");
        assert_true(kill.host);
}

static void test_other_records(void **state)
{
        static const char *const records[] = {
                "",
                "6,1,2,-;eth0: link up\n",
                /* another machine, and one with the same prefix */
                KILL("6,1,2,-", "task_memcg=/machinectl-lite/db,task=a,pid=1,uid=0\n"),
                KILL("6,1,2,-", "task_memcg=/machinectl-lite/web2,task=a,pid=1,uid=0\n"),
                /* written by a program: facility 1 and higher */
                KILL("14,1,2,-", "task_memcg=/machinectl-lite/web,task=a,pid=1,uid=0\n"),
                KILL("x,1,2,-", "task_memcg=/machinectl-lite/web,task=a,pid=1,uid=0\n"),
                /* cut off */
                KILL("6,1,2,-", "task_memcg=/machinectl-lite/web,task=a,pid=1"),
                KILL("6,1,2,-", "task_memcg="),
                KILL("6,1,2,-", "task_memcg=/machinectl-lite/web,uid=0"),
        };
        struct kernel_kill kill;

        for (size_t i = 0; i < ELEMENTS_OF(records); i++) {
                assert_int_equal(parse(records[i], &kill), 0);
        }
}

/* A process chooses its name: it must neither hide its pid nor reach the terminal unescaped. */
static void test_hostile_names(void **state)
{
        struct kernel_kill kill;

        assert_int_equal(parse(KILL("6,1,2,-", "task_memcg=/machinectl-lite/web,task=a,pid=1,uid=0,"
                                               "pid=77,uid=3\n"),
                               &kill),
                         1);
        assert_int_equal(kill.pid, 77);
        assert_string_equal(kill.name, "a,pid=1,uid=0");
        assert_int_equal(parse(KILL("6,1,2,-", "task_memcg=/machinectl-lite/web,task=\x1b[2J,pid=8,"
                                               "uid=3\n"),
                               &kill),
                         1);
        assert_string_equal(kill.name, "\\x1b[2J");
}

static void test_usage_of_a_group(void **state)
{
        char name[64];
        struct cgroup_parameters parameters = { .name = name };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_free_ char *mount = NULL;
        struct cgroup group = CGROUP_INIT, opened = CGROUP_INIT;
        struct cgroup_usage usage;

        if (geteuid() != 0 || cgroup_find_mount(&mount, NULL) < 0 || access(mount, W_OK) < 0) {
                skip();
        }
        snprintf(name, sizeof name, "unit-test-usage-%d", getpid());
        assert_int_equal(cgroup_create(&parameters, &group, &error), 0);
        assert_int_equal(cgroup_read_usage(&group, &usage, &error), 0);
        /* cpu.stat exists without any controller. */
        assert_int_equal(usage.cpu, 0);
        if (group.controllers & CGROUP_MEMORY) {
                struct cgroup_watch watch = CGROUP_WATCH_INIT;
                struct cgroup_news news;

                assert_true(usage.memory_limit == MACHINE_UNLIMITED);
                assert_int_equal(cgroup_watch_open(&group, &watch, &error), 0);
                assert_int_equal(cgroup_watch_read(&watch, &news), 0);
                assert_int_equal(news.oom_kills, 0);
                cgroup_watch_release(&watch);
        } else {
                struct cgroup_watch watch = CGROUP_WATCH_INIT;

                assert_true(usage.memory == MACHINE_UNSET);
                assert_int_equal(cgroup_watch_open(&group, &watch, &error), -ENOENT);
        }
        /* As for another process: the group is removed while it is open. */
        assert_int_equal(cgroup_open(group.path, &opened, &error), 0);
        assert_int_equal(cgroup_remove(&group, CGROUP_REMOVE_TIMEOUT, &error), 0);
        assert_int_equal(cgroup_read_usage(&opened, &usage, &error), -ENODEV);
        cgroup_release(&opened);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pressure),         cmocka_unit_test(test_io),
                cmocka_unit_test(test_cpu_limit),        cmocka_unit_test(test_kill_is_found),
                cmocka_unit_test(test_other_records),    cmocka_unit_test(test_hostile_names),
                cmocka_unit_test(test_usage_of_a_group),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
