/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/process/process.h"

/* A child that sleeps until it is killed; its name tries to confuse parsers of /proc/PID/stat. */
static pid_t sleeper(void)
{
        pid_t pid = fork();

        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                prctl(PR_SET_NAME, ") Z 1 (");
                for (;;) {
                        pause();
                }
        }
        assert_true(pid > 0);
        return pid;
}

static void test_identity_survives_only_with_its_process(void **state)
{
        struct process_identity identity, own;
        pid_t pid = sleeper();
        int fd;

        (void)state;
        assert_int_equal(process_identify(pid, &identity), 0);
        assert_int_equal(identity.pid, pid);
        assert_true(identity.start_time > 0);
        assert_true(process_is_alive(&identity));
        fd = process_open(&identity);
        assert_true(fd >= 0);
        fd_close(fd);

        kill(pid, SIGKILL);
        waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT);
        assert_false(process_is_alive(&identity)); /* a zombie */
        assert_int_equal(process_open(&identity), -ESRCH);
        assert_int_equal(process_wait(pid), 128 + SIGKILL);
        assert_false(process_is_alive(&identity));
        assert_int_equal(process_open(&identity), -ESRCH);
        assert_int_equal(process_identify(pid, &identity), -ESRCH);
        assert_int_equal(process_identify(0, &own), 0);
        assert_int_equal(own.pid, getpid());
}

static void test_another_process_with_that_pid_is_not_it(void **state)
{
        struct process_identity identity;

        (void)state;
        assert_int_equal(process_identify(0, &identity), 0);
        identity.start_time--;
        assert_false(process_is_alive(&identity));
        assert_int_equal(process_open(&identity), -ESRCH);
        identity.start_time++;
        identity.boot_id[0] = identity.boot_id[0] == '0' ? '1' : '0';
        assert_false(process_is_alive(&identity));
        assert_false(process_is_alive(&(struct process_identity){ .pid = -1 }));
        assert_int_equal(process_open(&(struct process_identity){ .pid = 0 }), -ESRCH);
}

static void test_boot_id(void **state)
{
        char first[37], second[37];

        (void)state;
        assert_int_equal(process_boot_id(first), 0);
        assert_int_equal(process_boot_id(second), 0);
        assert_int_equal(strlen(first), 36);
        assert_string_equal(first, second);
}

static void test_exit_statuses(void **state)
{
        pid_t pid = fork();

        (void)state;
        if (pid == 0) {
                _exit(17);
        }
        assert_int_equal(process_wait(pid), 17);
        assert_int_equal(process_wait(pid), -ECHILD);
        assert_int_equal(process_exit_status(CLD_EXITED, 255), 255);
        assert_int_equal(process_exit_status(CLD_KILLED, SIGTERM), 143);
        assert_int_equal(process_exit_status(CLD_DUMPED, SIGSEGV), 139);
}

static void test_closing_all_from(void **state)
{
        pid_t pid = fork();

        (void)state;
        if (pid == 0) {
                bool right = dup2(0, 700) == 700 && process_close_from(500) == 0 &&
                             fcntl(700, F_GETFD) < 0 && fcntl(0, F_GETFD) >= 0;

                _exit(right ? 0 : 1);
        }
        assert_int_equal(process_wait(pid), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_identity_survives_only_with_its_process),
                cmocka_unit_test(test_another_process_with_that_pid_is_not_it),
                cmocka_unit_test(test_boot_id),
                cmocka_unit_test(test_exit_statuses),
                cmocka_unit_test(test_closing_all_from),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
