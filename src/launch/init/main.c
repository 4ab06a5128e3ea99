/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * machine-init: the last of our programs before a machine's payload, executed inside the finished
 * machine. It is static and executed through a read-only mount of its own, so that /proc/PID/exe of
 * a process in the machine never leads to a writable file of the host, and nothing from the
 * machine's root is loaded before privileges are dropped.
 *
 * As a stub it stays PID 1: it forwards signals to the payload, reaps orphans and exits with the
 * payload's status. As a companion it stays with a program that joins a running machine. Otherwise
 * it becomes the payload.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process/process.h"
#include "launch/init/beside.h"
#include "launch/init/join.h"
#include "launch/init/payload.h"
#include "launch/init/plan.h"

static void read_plan(struct init_plan *ret)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        int r = init_plan_read(INIT_PLAN_FD, ret, &error);

        if (r < 0) {
                error_wrap(&error, r, "machine-init cannot begin");
                payload_fail(&error, "exec");
        }
        close(INIT_PLAN_FD);
        if (ret->role != INIT_ROLE_WAITING && !init_role_joins(ret->role)) {
                close(INIT_MACHINE_FD);
        }
        if (ret->role != INIT_ROLE_COMPANION && ret->role != INIT_ROLE_STUB &&
            ret->role != INIT_ROLE_WAITING) {
                close(INIT_GROUP_FD);
        }
        (void)process_close_from(INIT_PRESERVED_FD + (int)ret->preserved);
        (void)fcntl(INIT_MACHINE_FD, F_SETFD, FD_CLOEXEC);
        (void)fcntl(INIT_GROUP_FD, F_SETFD, FD_CLOEXEC); /* EBADF: there is none */
}

static void begin_joining(struct init_plan *plan)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        if (join_machine(plan, plan->role == INIT_ROLE_COMPANION ? BESIDE_KEPT : 0, &error) < 0) {
                payload_fail(&error, "join");
        }
}

/* The payload of a pod, until it is stopped. */
static int wait_for_the_end(void)
{
        sigset_t signals;
        int number;

        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        (void)sigprocmask(SIG_BLOCK, &signals, NULL);
        return sigwait(&signals, &number) == 0 ? 0 : PAYLOAD_OWN_FAILURE;
}

int main(int argc, char **argv)
{
        struct init_plan plan;

        if (argc == 2 && strcmp(argv[1], "pause") == 0) {
                return wait_for_the_end();
        }
        /* Its file cannot be read in the machine, so this process was never dumpable. */
        if (argc == 3 && strcmp(argv[1], INIT_STUB_ARGUMENT) == 0 && getpid() == 1 &&
            prctl(PR_SET_DUMPABLE, 0) == 0) {
                beside_continue_as_stub((pid_t)atoi(argv[2]));
        }

        /* This comes first, because execve(2) has made this process dumpable. */
        if (prctl(PR_SET_DUMPABLE, 0) < 0 || fcntl(INIT_SOCKET_FD, F_SETFD, FD_CLOEXEC) < 0 ||
            fcntl(INIT_PLAN_FD, F_GETFD) < 0) {
                fputs("machine-init: this program is started by machinectl-lite, not by hand\n",
                      stderr);
                return PAYLOAD_OWN_FAILURE;
        }
        read_plan(&plan);
        /* A companion learns from its socket that its caller is gone; its parent is not the caller.
         */
        if (init_role_joins(plan.role)) {
                begin_joining(&plan);
        }
        if (plan.role != INIT_ROLE_COMPANION) {
                payload_die_with_parent();
        }
        if (plan.role == INIT_ROLE_STUB || plan.role == INIT_ROLE_COMPANION) {
                beside_run(&plan);
        }
        payload_become(&plan, -EBADF);
}
