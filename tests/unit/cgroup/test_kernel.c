/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits in effect: needs root and controllers on cgroup v2; skips what is missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <machine/machine.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "cgroup/limits/limits.h"
#include "cgroup/tree/mount.h"
#include "cgroup/usage/events.h"
#include "cgroup/usage/usage.h"
#include "fixture.h"

#define MIB  (UINT64_C(1) << 20)
#define WAIT UINT64_C(5000000)

struct fixture {
        struct cgroup group;
        struct machine_limits limits;
        struct machine_error error;
        char **warnings;
};

static int set_up(void **state)
{
        struct fixture *fixture = calloc(1, sizeof *fixture);

        fixture->group = (struct cgroup)CGROUP_INIT;
        fixture->limits = no_limits();
        *state = fixture;
        return 0;
}

static int tear_down(void **state)
{
        struct fixture *fixture = *state;

        if (fixture->group.path) {
                (void)cgroup_remove(&fixture->group, WAIT, NULL);
        }
        while (waitpid(-1, NULL, 0) > 0) {
        }
        cgroup_release(&fixture->group);
        machine_error_clear(&fixture->error);
        strv_free(fixture->warnings);
        free(fixture);
        return 0;
}

static void require_controllers(struct fixture *fixture, unsigned int controllers)
{
        char name[64];
        struct cgroup_parameters parameters = { .name = name };
        _cleanup_free_ char *mount = NULL;

        bool writable =
                geteuid() == 0 && cgroup_find_mount(&mount, NULL) == 0 && access(mount, W_OK) == 0;

        /* skip() and fail_msg() exit by longjmp(3), without clean-up. */
        free(TAKE_PTR(mount));
        if (!writable) {
                skip();
        }
        snprintf(name, sizeof name, "unit-test-kernel-%d", getpid());
        if (cgroup_create(&parameters, &fixture->group, &fixture->error) < 0) {
                fail_msg("%s", fixture->error.message);
        }
        if ((fixture->group.controllers & controllers) != controllers) {
                print_message("skipped: the controllers are not on cgroup v2\n");
                skip();
        }
}

static void apply(struct fixture *fixture)
{
        if (cgroup_apply_limits(&fixture->group, &fixture->limits, &fixture->warnings,
                                &fixture->error) < 0) {
                fail_msg("%s", fixture->error.message);
        }
        fixture->group.is_new = false;
}

static pid_t start_in(const struct cgroup *group, void (*function)(void *), void *data)
{
        struct clone_args arguments = {
                .flags = CLONE_INTO_CGROUP,
                .exit_signal = SIGCHLD,
                .cgroup = (uint64_t)group->fd,
        };
        pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);

        if (pid == 0) {
                function(data);
                _exit(0);
        }
        assert_true(pid > 0);
        return pid;
}

static void assert_file(const struct cgroup *group, const char *file, const char *expected)
{
        _cleanup_free_ char *text = NULL;

        assert_int_equal(file_read(group->fd, file, 4096, &text, NULL), 0);
        assert_string_equal(text, expected);
}

static void burn(void *data)
{
        for (;;) {
        }
}

static void test_cpu_quota(void **state)
{
        struct fixture *fixture = *state;
        struct cgroup_usage before, after;

        require_controllers(fixture, CGROUP_CPU);
        fixture->limits.cpu_quota = 50000;
        fixture->limits.cpu_period = 100000;
        apply(fixture);
        (void)start_in(&fixture->group, burn, NULL);
        assert_int_equal(cgroup_read_usage(&fixture->group, &before, NULL), 0);
        (void)sleep(2);
        assert_int_equal(cgroup_read_usage(&fixture->group, &after, NULL), 0);
        print_message("50 %% of a CPU for 2 s: %llu us\n",
                      (unsigned long long)(after.cpu - before.cpu));
        assert_in_range(after.cpu - before.cpu, 800000, 1200000);
        assert_int_equal(after.cpu_quota, 50000);
        assert_true(after.cpu_throttled > 0);
}

static void allocate(void *data)
{
        size_t size = *(const size_t *)data;
        char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        for (size_t i = 0; i < size; i += 4096) {
                memory[i] = 1;
        }
        pause();
}

static void wait_for_memory(const struct cgroup *group, uint64_t bytes)
{
        struct cgroup_usage usage = { 0 };

        for (int i = 0; i < 500 && usage.memory < bytes; i++) {
                usleep(10000);
                assert_int_equal(cgroup_read_usage(group, &usage, NULL), 0);
        }
        assert_true(usage.memory >= bytes);
}

static void test_memory_kill_is_reported(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_cgroup_watch_ struct cgroup_watch watch = CGROUP_WATCH_INIT;
        struct pollfd poll_fd = { .events = POLLPRI };
        struct cgroup_news news;
        size_t size = 64 * MIB;
        pid_t pid;

        require_controllers(fixture, CGROUP_MEMORY);
        fixture->limits.memory = 16 * MIB;
        apply(fixture);
        assert_int_equal(cgroup_watch_open(&fixture->group, &watch, &fixture->error), 0);
        poll_fd.fd = watch.fd;
        assert_int_equal(poll(&poll_fd, 1, 50), 0);
        pid = start_in(&fixture->group, allocate, &size);
        assert_int_equal(process_wait(pid), 128 + SIGKILL);
        assert_int_equal(poll(&poll_fd, 1, 2000), 1);
        usleep(20000);
        assert_int_equal(cgroup_watch_read(&watch, &news), 0);
        assert_int_equal(news.oom_kills, 1);
        assert_true(news.max > 0);
        if (watch.kernel_log >= 0) {
                assert_int_equal(news.victim.pid, pid);
                assert_string_equal(news.victim.name, "test_cgroup_ker");
                assert_false(news.victim.host);
        }
        assert_int_equal(cgroup_watch_read(&watch, &news), 0);
        assert_int_equal(news.oom_kills, 0);
        assert_int_equal(poll(&poll_fd, 1, 50), 0);
}

static void test_lowering_memory_of_a_running_machine(void **state)
{
        struct fixture *fixture = *state;
        size_t size = 32 * MIB;
        pid_t pid;

        require_controllers(fixture, CGROUP_MEMORY | CGROUP_PIDS);
        fixture->limits.memory = 64 * MIB;
        apply(fixture);
        pid = start_in(&fixture->group, allocate, &size);
        wait_for_memory(&fixture->group, size);
        /* Memory in use is not taken away, and the other limit of the same call is restored. */
        fixture->limits.tasks = 77;
        fixture->limits.memory_high = 60 * MIB;
        fixture->limits.memory = 8 * MIB;
        assert_int_equal(
                cgroup_apply_limits(&fixture->group, &fixture->limits, NULL, &fixture->error),
                -EBUSY);
        assert_non_null(strstr(fixture->error.message, "would kill"));
        assert_int_equal(kill(pid, 0), 0);
        assert_file(&fixture->group, "memory.max", "67108864\n");
        assert_file(&fixture->group, "memory.high", "max\n");
        assert_file(&fixture->group, "pids.max", "max\n");
        fixture->limits.memory = 48 * MIB;
        fixture->limits.memory_high = 47 * MIB;
        apply(fixture);
        assert_file(&fixture->group, "memory.max", "50331648\n");
        assert_file(&fixture->group, "memory.high", "49283072\n");
        assert_file(&fixture->group, "pids.max", "77\n");
}

static void fork_bomb(void *data)
{
        int count = 0;

        while (count < 100) {
                pid_t pid = fork();

                if (pid < 0) {
                        _exit(count);
                }
                if (pid == 0) {
                        pause();
                        _exit(0);
                }
                count++;
        }
        _exit(255);
}

static void test_tasks(void **state)
{
        struct fixture *fixture = *state;

        require_controllers(fixture, CGROUP_PIDS);
        fixture->limits.tasks = 10;
        apply(fixture);
        assert_int_equal(process_wait(start_in(&fixture->group, fork_bomb, NULL)), 9);
}

static void count_cpus(void *data)
{
        cpu_set_t set;

        CPU_ZERO(&set);
        (void)sched_getaffinity(0, sizeof set, &set);
        _exit(CPU_COUNT(&set) * 10 + CPU_ISSET(0, &set));
}

static void test_cpus(void **state)
{
        struct fixture *fixture = *state;

        require_controllers(fixture, CGROUP_CPUSET);
        fixture->limits.cpus = (char *)"0";
        fixture->limits.memory_nodes = (char *)"0";
        apply(fixture);
        assert_int_equal(process_wait(start_in(&fixture->group, count_cpus, NULL)), 11);
}

/* The kernel would accept CPUs that a group above lacks, and use all of that group's. */
static void test_cpus_that_are_not_available(void **state)
{
        struct fixture *fixture = *state;
        struct cgroup below = CGROUP_INIT;
        _cleanup_free_ char *path = NULL;

        require_controllers(fixture, CGROUP_CPUSET | CGROUP_PIDS);
        if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
                skip();
        }
        fixture->limits.cpus = (char *)"0";
        apply(fixture);
        assert_int_equal(
                file_write_value(fixture->group.fd, "cgroup.subtree_control", "+cpuset +pids"), 0);
        path = string_format("%s/below", fixture->group.path);
        assert_int_equal(mkdirat(fixture->group.fd, "below", 0755), 0);
        assert_int_equal(cgroup_open(path, &below, NULL), 0);
        fixture->limits.cpus = (char *)"1";
        fixture->limits.tasks = 5;
        assert_int_equal(cgroup_apply_limits(&below, &fixture->limits, NULL, &fixture->error),
                         -ERANGE);
        assert_non_null(strstr(fixture->error.message, "limits.cpus: 1 is not available"));
        assert_file(&below, "pids.max", "max\n");
        assert_file(&below, "cpuset.cpus", "\n");
        cgroup_release(&below);
}

static void test_everything_at_once(void **state)
{
        struct fixture *fixture = *state;

        require_controllers(fixture, CGROUP_CPU | CGROUP_MEMORY | CGROUP_PIDS | CGROUP_CPUSET);
        fixture->limits.memory = 64 * MIB;
        fixture->limits.memory_high = 48 * MIB;
        fixture->limits.memory_low = 16 * MIB;
        fixture->limits.cpu_quota = 250000;
        fixture->limits.cpu_period = 100000;
        fixture->limits.cpu_weight = 50;
        fixture->limits.tasks = 100;
        apply(fixture);
        assert_file(&fixture->group, "memory.max", "67108864\n");
        assert_file(&fixture->group, "memory.high", "50331648\n");
        assert_file(&fixture->group, "memory.low", "16777216\n");
        assert_file(&fixture->group, "cpu.max", "250000 100000\n");
        assert_file(&fixture->group, "cpu.weight", "50\n");
        assert_file(&fixture->group, "pids.max", "100\n");
        if (faccessat(fixture->group.fd, "memory.swap.max", F_OK, 0) == 0) {
                assert_file(&fixture->group, "memory.swap.max", "0\n");
        }
        fixture->limits = (struct machine_limits){
                .memory = MACHINE_UNLIMITED,
                .memory_high = MACHINE_UNSET,
                .memory_low = MACHINE_UNSET,
                .swap = MACHINE_UNSET,
                .cpu_quota = MACHINE_UNLIMITED,
                .cpu_period = MACHINE_UNSET,
                .cpu_weight = MACHINE_UNSET,
                .tasks = MACHINE_UNLIMITED,
                .io_weight = MACHINE_UNSET,
        };
        apply(fixture);
        assert_file(&fixture->group, "memory.max", "max\n");
        assert_file(&fixture->group, "memory.high", "50331648\n");
        assert_file(&fixture->group, "cpu.max", "max 100000\n");
        assert_file(&fixture->group, "cpu.weight", "50\n");
        assert_file(&fixture->group, "pids.max", "max\n");
}

/* A manager in the machine has enabled controllers: the kernel then allows no process in the
 * machine's own group, and an additional one enters the group of the first. */
static void test_entry_beside_a_manager(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_close_ int scope = -EBADF;
        _cleanup_close_ int entry = -EBADF;
        struct cgroup inner = CGROUP_INIT;
        struct stat a, b;
        pid_t leader;

        require_controllers(fixture, CGROUP_PIDS);
        assert_int_equal(mkdirat(fixture->group.fd, "init.scope", 0755), 0);
        scope = openat(fixture->group.fd, "init.scope", O_PATH | O_DIRECTORY | O_CLOEXEC);
        inner.fd = scope;
        leader = start_in(&inner, burn, NULL);
        assert_int_equal(file_write_value(fixture->group.fd, "cgroup.subtree_control", "+pids"), 0);
        entry = cgroup_open_entry(&fixture->group, leader, &fixture->error);
        assert_true(entry >= 0);
        assert_int_equal(fstat(entry, &a), 0);
        assert_int_equal(fstat(scope, &b), 0);
        assert_true(a.st_ino == b.st_ino);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_cpu_quota),
                TEST(test_memory_kill_is_reported),
                TEST(test_lowering_memory_of_a_running_machine),
                TEST(test_tasks),
                TEST(test_cpus),
                TEST(test_cpus_that_are_not_available),
                TEST(test_everything_at_once),
                TEST(test_entry_beside_a_manager),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
