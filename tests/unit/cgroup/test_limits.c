/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits: numbers out of range, their values in the kernel's files, and restoring them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>

#include <machine/machine.h>

#include "base/error.h"
#include "base/strings.h"
#include "cgroup/limits/block.h"
#include "cgroup/limits/host.h"
#include "cgroup/limits/limits.h"
#include "cgroup/limits/numberset.h"
#include "cgroup/limits/settings.h"
#include "cgroup/tree/mount.h"
#include "fixture.h"

#define MIB (UINT64_C(1) << 20)

static struct host_resources some_host(void)
{
        struct host_resources host = {
                .memory = 4096 * MIB,
                .swap = 1024 * MIB,
                .huge_pages = { 2 * MIB, 1024 * MIB },
        };

        assert_int_equal(number_set_parse("0-3", &host.cpus), 0);
        assert_int_equal(number_set_parse("0", &host.nodes), 0);
        return host;
}

/* The definition is refused with a message that contains all the parts. */
static void assert_refused(const struct machine_limits *limits, const char *key, const char *reason)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        struct host_resources host = some_host();
        _cleanup_strv_ char **warnings = NULL;

        assert_true(host_check_limits(&host, limits, &warnings, &error) < 0);
        assert_int_equal(error.kind, MACHINE_ERROR_DEFINITION);
        if (!string_after(error.message, key) || !strstr(error.message, reason)) {
                fail_msg("\"%s\" says neither \"%s\" nor \"%s\"", error.message, key, reason);
        }
}

/* It is accepted, with this number of warnings; the first contains this part. */
static void assert_accepted(const struct machine_limits *limits, size_t count, const char *warning)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        struct host_resources host = some_host();
        _cleanup_strv_ char **warnings = NULL;
        int r = host_check_limits(&host, limits, &warnings, &error);

        if (r < 0) {
                fail_msg("%s", error.message);
        }
        assert_int_equal(strv_length(warnings), count);
        if (count && !strstr(warnings[0], warning)) {
                fail_msg("\"%s\" not in \"%s\"", warning, warnings[0]);
        }
        assert_int_equal(host_check_limits(&host, limits, NULL, NULL), 0);
}

static void test_memory_ranges(void **state)
{
        struct machine_limits limits = no_limits();

        assert_accepted(&limits, 0, NULL);
        limits.memory = 256 * MIB;
        assert_accepted(&limits, 0, NULL);
        limits.memory = MACHINE_UNLIMITED;
        assert_accepted(&limits, 0, NULL);
        limits.memory = 4096;
        assert_refused(&limits, "limits.memory:", "too small");
        limits.memory = 0;
        assert_refused(&limits, "limits.memory:", "too small");
        limits.memory = 8192 * MIB;
        assert_refused(&limits, "limits.memory: 8G", "more than this host has");
        limits.memory = 4096 * MIB;
        assert_accepted(&limits, 0, NULL);
        limits.memory_high = 4096 * MIB;
        assert_accepted(&limits, 1, "memory_high has no effect");
        limits.memory_high = 5000 * MIB;
        assert_refused(&limits, "limits.memory_high:", "more than this host has");
        limits.memory_high = MACHINE_UNSET;
        limits.memory_low = 5000 * MIB;
        assert_refused(&limits, "limits.memory_low:", "more than this host has");
        limits.memory_low = MACHINE_UNSET;
        limits.swap = 0;
        assert_accepted(&limits, 0, NULL);
        limits.swap = 2048 * MIB;
        assert_accepted(&limits, 1, "limits.swap has no effect");
}

static void test_number_ranges(void **state)
{
        struct machine_limits limits = no_limits();

        limits.tasks = 0;
        assert_refused(&limits, "limits.tasks:", "too small");
        limits.tasks = 4194305;
        assert_refused(&limits, "limits.tasks:", "too large");
        limits.tasks = 1;
        limits.cpu_weight = 10001;
        assert_refused(&limits, "limits.cpu_weight:", "too large");
        limits.cpu_weight = 10000;
        limits.io_weight = 0;
        assert_refused(&limits, "limits.io_weight:", "too small");
        limits.io_weight = 1;
        assert_accepted(&limits, 0, NULL);
}

static void test_cpu_ranges(void **state)
{
        struct machine_limits limits = no_limits();

        limits.cpu_quota = 50000;
        limits.cpu_period = 100000;
        assert_accepted(&limits, 0, NULL);
        limits.cpu_quota = 400000;
        assert_accepted(&limits, 0, NULL);
        limits.cpu_quota = 400001;
        assert_accepted(&limits, 1, "only 4 CPUs");
        limits.cpu_quota = 999;
        assert_refused(&limits, "limits.cpu:", "too small");
        limits.cpu_quota = 1000;
        limits.cpu_period = 999;
        assert_refused(&limits, "limits.cpu:", "period");
        limits.cpu_period = 1000001;
        assert_refused(&limits, "limits.cpu:", "too large");
}

static void test_set_ranges(void **state)
{
        static char *const bad[] = {
                "", "a", "-1", "0-", "3-1", "0,,1", "0 1", "8192", "1,", NULL
        };
        struct machine_limits limits = no_limits();

        for (char *const *text = bad; *text; text++) {
                limits.cpus = *text;
                assert_refused(&limits, "limits.cpus:", "not a list");
        }
        limits.cpus = (char *)"0-4";
        assert_refused(&limits, "limits.cpus:", "no CPU 4");
        limits.cpus = (char *)"0,2-3";
        assert_accepted(&limits, 0, NULL);
        limits.memory_nodes = (char *)"1";
        assert_refused(&limits, "limits.memory_nodes:", "no memory node 1");
}

static void test_huge_page_ranges(void **state)
{
        char *pages[] = { NULL, NULL };
        struct machine_limits limits = no_limits();

        limits.hugepages = pages;
        pages[0] = (char *)"2M=512M";
        assert_accepted(&limits, 0, NULL);
        pages[0] = (char *)"1G=max";
        assert_accepted(&limits, 0, NULL);
        pages[0] = (char *)"4M=512M";
        assert_refused(&limits, "limits.hugepages:", "has: 2M, 1G");
        pages[0] = (char *)"2M=3M";
        assert_refused(&limits, "limits.hugepages:", "multiple");
        pages[0] = (char *)"2M";
        assert_refused(&limits, "limits.hugepages:", "SIZE=LIMIT");
        pages[0] = (char *)"0=1M";
        assert_refused(&limits, "limits.hugepages:", "SIZE=LIMIT");
        pages[0] = (char *)"2M=-1";
        assert_refused(&limits, "limits.hugepages:", "SIZE=LIMIT");
}

static void test_io_ranges(void **state)
{
        struct machine_io_limit io = {
                .device = (char *)"/dev/null",
                .read_bandwidth = MACHINE_UNSET,
                .write_bandwidth = MACHINE_UNSET,
                .read_iops = MACHINE_UNSET,
                .write_iops = MACHINE_UNSET,
        };
        struct machine_limits limits = no_limits();

        limits.io = &io;
        limits.io_count = 1;
        assert_refused(&limits, "limits.io:", "no limit is set");
        io.write_bandwidth = 0;
        assert_refused(&limits, "limits.io: write_bandwidth", "too small");
        io.write_bandwidth = MIB;
        assert_refused(&limits, "limits.io:", "not a block device");
        io.device = (char *)"sda";
        assert_refused(&limits, "limits.io:", "neither an absolute path nor");
        io.device = (char *)"8:0x";
        assert_refused(&limits, "limits.io:", "neither an absolute path nor");
}

static void test_block_devices(void **state)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        dev_t disk;

        assert_int_equal(block_find_disk("4095:1048575", "limits.io", &disk, NULL, &error),
                         -ENODEV);
        assert_non_null(strstr(error.message, "no block device 4095:1048575"));
        assert_int_equal(block_find_disk("/dev/nowhere", "limits.io", &disk, NULL, &error),
                         -ENOENT);
}

static const struct setting *find_setting(const struct settings *settings, const char *file)
{
        for (size_t i = 0; i < settings->count; i++) {
                if (string_equal(settings->items[i].file, file)) {
                        return &settings->items[i];
                }
        }
        return NULL;
}

static void assert_value(const struct settings *settings, const char *file, const char *value)
{
        const struct setting *setting = find_setting(settings, file);

        if (!setting) {
                fail_msg("nothing is written to %s", file);
        }
        assert_string_equal(setting->value, value);
}

static void test_settings(void **state)
{
        char *pages[] = { (char *)"2M=512M", (char *)"1G=max", NULL };
        _cleanup_settings_ struct settings settings = SETTINGS_INIT;
        struct machine_limits limits = no_limits();

        limits.memory = 256 * MIB;
        limits.memory_high = MACHINE_UNLIMITED;
        limits.memory_low = 0;
        limits.cpu_quota = 50000;
        limits.cpu_weight = 200;
        limits.cpus = (char *)"0-1";
        limits.memory_nodes = (char *)"0";
        limits.tasks = 128;
        limits.io_weight = 10000;
        limits.hugepages = pages;
        assert_int_equal(settings_from_limits(&limits, true, NULL, &settings, NULL), 0);
        assert_int_equal(settings.count, 15);
        assert_value(&settings, "memory.max", "268435456");
        assert_value(&settings, "memory.high", "max");
        assert_value(&settings, "memory.low", "0");
        assert_value(&settings, "memory.swap.max", "0");
        assert_value(&settings, "cpu.max", "50000 100000");
        assert_value(&settings, "cpu.weight", "200");
        assert_value(&settings, "cpuset.cpus", "0-1");
        assert_value(&settings, "cpuset.mems", "0");
        assert_value(&settings, "pids.max", "128");
        assert_value(&settings, "io.weight", "default 10000");
        assert_value(&settings, "io.bfq.weight", "default 1000");
        assert_value(&settings, "hugetlb.2MB.max", "536870912");
        assert_value(&settings, "hugetlb.2MB.rsvd.max", "536870912");
        assert_value(&settings, "hugetlb.1GB.max", "max");
        assert_string_equal(find_setting(&settings, "hugetlb.1GB.max")->key, "limits.hugepages");
}

static void test_swap_default(void **state)
{
        _cleanup_settings_ struct settings none = SETTINGS_INIT;
        _cleanup_settings_ struct settings with = SETTINGS_INIT;
        _cleanup_settings_ struct settings without = SETTINGS_INIT;
        struct machine_limits limits = no_limits();

        assert_int_equal(settings_from_limits(&limits, true, NULL, &none, NULL), 0);
        assert_int_equal(none.count, 0);
        limits.memory = 256 * MIB;
        limits.swap = MIB;
        assert_int_equal(settings_from_limits(&limits, true, NULL, &with, NULL), 0);
        assert_value(&with, "memory.swap.max", "1048576");
        limits.swap = MACHINE_UNSET;
        assert_int_equal(settings_from_limits(&limits, false, NULL, &without, NULL), 0);
        assert_null(find_setting(&without, "memory.swap.max"));
}

static void assert_undo(const char *file, const char *value, const char *text, const char *expected)
{
        _cleanup_free_ char *undo = setting_undo_text(file, value, text);

        assert_string_equal(undo, expected);
}

static void test_undo(void **state)
{
        const char *io = "8:16 rbps=1 wbps=max riops=max wiops=max\n8:1 rbps=2 wbps=3 riops=4 "
                         "wiops=5\n";

        assert_undo("memory.max", "1", "max\n", "max\n");
        assert_undo("cpu.max", "1 2", "max 100000\n", "max 100000\n");
        assert_undo("cpuset.cpus", "1", "", "\n");
        assert_undo("io.max", "8:1 wbps=7", io, "8:1 rbps=2 wbps=3 riops=4 wiops=5");
        assert_undo("io.max", "8:0 wbps=7", io, "8:0 rbps=max wbps=max riops=max wiops=max");
        assert_undo("io.weight", "default 7", "default 100\n8:1 200\n", "default 100");
}

static void test_number_sets(void **state)
{
        struct number_set a, b;

        assert_int_equal(number_set_parse("0-8191\n", &a), 0);
        assert_int_equal(number_set_count(&a), 8192);
        assert_int_equal(number_set_parse("", &b), 0);
        assert_int_equal(number_set_count(&b), 0);
        assert_int_equal(number_set_missing(&b, &a), -1);
        assert_int_equal(number_set_missing(&a, &b), 0);
        assert_int_equal(number_set_parse("64,65,70-71", &b), 0);
        assert_int_equal(number_set_count(&b), 4);
        assert_int_equal(number_set_parse("99999999999", &b), -ERANGE);
}

/* A real group. The available limits depend on the host: on a hybrid one, cgroup v2 has the
 * controller for huge pages, but not the one for memory. */
static bool make_group(struct cgroup *group)
{
        char name[64];
        struct cgroup_parameters parameters = { .name = name };
        _cleanup_free_ char *mount = NULL;

        if (geteuid() != 0 || cgroup_find_mount(&mount, NULL) < 0 || access(mount, W_OK) < 0) {
                return false;
        }
        snprintf(name, sizeof name, "unit-test-limits-%d", getpid());
        return cgroup_create(&parameters, group, NULL) == 0;
}

static void assert_file(const struct cgroup *group, const char *file, const char *expected)
{
        _cleanup_free_ char *path = string_format("%s/%s", group->path, file);
        char text[64] = "";
        FILE *stream = fopen(path, "re");

        assert_non_null(stream);
        assert_non_null(fgets(text, sizeof text, stream));
        fclose(stream);
        assert_string_equal(text, expected);
}

static void test_missing_controller(void **state)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        struct cgroup group = CGROUP_INIT;
        struct machine_limits limits = no_limits();

        if (!make_group(&group)) {
                skip();
        }
        if (group.controllers & CGROUP_MEMORY) {
                (void)cgroup_remove(&group, CGROUP_REMOVE_TIMEOUT, NULL);
                skip();
        }
        limits.memory = 64 * MIB;
        assert_true(cgroup_apply_limits(&group, &limits, NULL, &error) < 0);
        assert_non_null(strstr(error.message, "limits.memory"));
        assert_non_null(strstr(error.message, "\"memory\""));
        assert_non_null(error.hint);
        (void)cgroup_remove(&group, CGROUP_REMOVE_TIMEOUT, NULL);
}

static void test_apply_all_or_none(void **state)
{
        char *good[] = { (char *)"2M=8M", NULL };
        char *next[] = { (char *)"2M=4M", NULL };
        char *both[] = { (char *)"2M=16M", (char *)"2M=7M", NULL };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        struct cgroup group = CGROUP_INIT;
        struct machine_limits limits = no_limits();

        if (!make_group(&group)) {
                skip();
        }
        if (!(group.controllers & CGROUP_HUGETLB) ||
            access("/sys/kernel/mm/hugepages/hugepages-2048kB", F_OK) < 0) {
                (void)cgroup_remove(&group, CGROUP_REMOVE_TIMEOUT, NULL);
                skip();
        }
        limits.hugepages = good;
        assert_int_equal(cgroup_apply_limits(&group, &limits, NULL, &error), 0);
        assert_file(&group, "hugetlb.2MB.max", "8388608\n");
        assert_file(&group, "hugetlb.2MB.rsvd.max", "8388608\n");
        group.is_new = false;
        limits.hugepages = next;
        assert_int_equal(cgroup_apply_limits(&group, &limits, NULL, &error), 0);
        assert_file(&group, "hugetlb.2MB.max", "4194304\n");
        limits.hugepages = both;
        assert_int_equal(cgroup_apply_limits(&group, &limits, NULL, &error), -EINVAL);
        assert_file(&group, "hugetlb.2MB.max", "4194304\n");
        (void)cgroup_remove(&group, CGROUP_REMOVE_TIMEOUT, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_memory_ranges),     cmocka_unit_test(test_number_ranges),
                cmocka_unit_test(test_cpu_ranges),        cmocka_unit_test(test_set_ranges),
                cmocka_unit_test(test_huge_page_ranges),  cmocka_unit_test(test_io_ranges),
                cmocka_unit_test(test_block_devices),     cmocka_unit_test(test_settings),
                cmocka_unit_test(test_swap_default),      cmocka_unit_test(test_undo),
                cmocka_unit_test(test_number_sets),       cmocka_unit_test(test_missing_controller),
                cmocka_unit_test(test_apply_all_or_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
