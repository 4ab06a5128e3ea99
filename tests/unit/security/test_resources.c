/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "security/become.h"
#include "security/resources.h"

static struct resource_settings settings_of(const struct machine_limits *limits)
{
        const struct machine machine = { .limits = *limits };

        return resource_settings_of(&machine);
}

static void set(struct machine_limits *limits, int resource, uint64_t soft, uint64_t hard)
{
        limits->resources[resource] = (struct machine_resource_limit){ true, soft, hard };
}

static pid_t start_child(void)
{
        pid_t pid = fork();

        if (pid == 0) {
                pause();
                _exit(0);
        }
        return pid;
}

static void end_child(pid_t pid)
{
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

/* From outside a process gets hard limits, priority and score, and no lower limit. */
static void test_prepared(void **state)
{
        struct machine_limits limits = {
                .oom_score_adjust_set = true,
                .oom_score_adjust = 500,
                .nice_set = true,
                .nice = 7,
        };
        struct resource_settings settings;
        struct rlimit before, after;
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_free_ char *path = NULL, *score = NULL;
        pid_t pid;

        set(&limits, RLIMIT_NOFILE, 3, 4);
        set(&limits, RLIMIT_FSIZE, 0, 0);
        settings = settings_of(&limits);
        pid = start_child();
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        assert_int_equal(resources_prepare(pid, &settings, &error), 0);
        assert_int_equal(prlimit(pid, RLIMIT_NOFILE, NULL, &after), 0);
        assert_memory_equal(&before, &after, sizeof before);
        assert_int_equal(getpriority(PRIO_PROCESS, (id_t)pid), 7);
        assert_true(asprintf(&path, "/proc/%d/oom_score_adj", pid) > 0);
        assert_int_equal(file_read(AT_FDCWD, path, 64, &score, NULL), 0);
        assert_string_equal(score, "500\n");
        end_child(pid);
}

static void test_limited(void **state)
{
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                struct machine_limits limits = { 0 };
                struct resource_settings settings;
                struct rlimit files, core;

                set(&limits, RLIMIT_NOFILE, 64, 128);
                set(&limits, RLIMIT_CORE, 0, 0);
                settings = settings_of(&limits);
                if (resources_limit(&settings, NULL) < 0 || getrlimit(RLIMIT_NOFILE, &files) < 0 ||
                    getrlimit(RLIMIT_CORE, &core) < 0) {
                        _exit(1);
                }
                _exit(files.rlim_cur == 64 && files.rlim_max == 128 && core.rlim_max == 0 ? 0 : 2);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void refused(const struct machine_limits *limits, bool inside, const char *part)
{
        const struct resource_settings settings = settings_of(limits);
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                struct machine_error error = MACHINE_ERROR_INIT;
                struct security_identity nobody = { .uid = 65534, .gid = 65534 };

                if (geteuid() == 0 && (security_begin(&nobody, NULL, 0, &error) < 0 ||
                                       security_complete(&nobody, NULL, &error) < 0)) {
                        _exit(1);
                }
                if ((inside ? resources_limit(&settings, &error)
                            : resources_prepare(0, &settings, &error)) >= 0) {
                        _exit(2);
                }
                _exit(strstr(error.message, part) ? 0 : 3);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void test_refused(void **state)
{
        struct rlimit held;
        struct machine_limits raise = { 0 }, low = { 0 }, score = { 0 }, nicer = { 0 };

        assert_int_equal(getrlimit(RLIMIT_CORE, &held), 0);
        held.rlim_max = held.rlim_cur = 4096;
        assert_int_equal(setrlimit(RLIMIT_CORE, &held), 0);
        set(&raise, RLIMIT_CORE, 0, MACHINE_UNLIMITED);
        for (int inside = 0; inside < 2; inside++) {
                refused(&raise, inside,
                        "limits.core: raising the hard limit from 4096 to unlimited needs "
                        "CAP_SYS_RESOURCE");
        }
        set(&low, RLIMIT_CORE, 2048, 1024);
        refused(&low, true, "limits.core");
        score.oom_score_adjust_set = true;
        score.oom_score_adjust = -1000;
        refused(&score, false, "limits.oom_score_adjust: lowering it to -1000");
        nicer.nice_set = true;
        nicer.nice = -20;
        refused(&nicer, false, "limits.nice: -20");
}

static void test_open_files_ceiling(void **state)
{
        struct machine_limits limits = { 0 };

        set(&limits, RLIMIT_NOFILE, 64, UINT64_C(1) << 40);
        refused(&limits, false, "limits.open_files: 1099511627776 is more than the kernel allows");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_prepared),
                cmocka_unit_test(test_limited),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_open_files_ceiling),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
