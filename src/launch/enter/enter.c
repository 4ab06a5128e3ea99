/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/enter/enter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "launch/context.h"
#include "launch/enter/namespaces.h"
#include "launch/handover.h"
#include "launch/init/message.h"
#include "launch/init/user.h"

/* The state of entering, for both sides. */
struct entering {
        const struct enter_request *request;
        struct init_plan plan; /* the payload's, then changed as requested */
        int init_program;
        int cgroup_entry;    /* where the program starts: its own group, if there is one */
        int group_kill;      /* cgroup.kill of that group, or -EBADF */
        struct cgroup group; /* that group, or empty */
        int sockets[2];
};

/* ---- the plan ---- */

/* Variables that depend on the user: for another user than the payload's, launch/init/join.c looks
 * them up in the machine unless they are given here. */
static const char *const of_user[] = { "HOME=", "USER=", "LOGNAME=" };

static bool is_of_user(const char *entry)
{
        for (size_t i = 0; i < ELEMENTS_OF(of_user); i++) {
                if (string_after(entry, of_user[i])) {
                        return true;
                }
        }
        return false;
}

static int make_environment(const struct entering *entering, char ***ret,
                            struct machine_error *error)
{
        const struct enter_request *request = entering->request;
        _cleanup_strv_ char **environment = NULL;
        int r = 0;

        STRV_FOREACH(entry, entering->plan.environment) {
                if (r == 0 && !(request->user && is_of_user(*entry))) {
                        r = strv_append(&environment, *entry);
                }
        }
        if (r == 0 && request->terminal) {
                r = launch_describe_terminal(&environment);
        }
        STRV_FOREACH(entry, request->environment) {
                if (r == 0) {
                        r = strv_set_variable(&environment, strdup(*entry));
                }
        }
        if (r < 0) {
                return error_oom(error);
        }
        *ret = TAKE_PTR(environment);
        return 0;
}

/* The payload's plan, changed as requested. */
static int write_plan(const struct entering *entering, int *ret_fd, struct machine_error *error)
{
        const struct enter_request *request = entering->request;
        _cleanup_strv_ char **environment = NULL;
        struct init_plan plan = entering->plan;
        int r = make_environment(entering, &environment, error);

        if (r < 0) {
                return r;
        }
        plan.environment = environment;
        plan.arguments = (char **)request->command;
        plan.role = INIT_ROLE_COMPANION;
        plan.terminal = request->terminal;
        plan.identity.parent_death_signal = SIGKILL;
        if (request->user || request->working_directory) {
                plan.working_directory =
                        (char *)(request->working_directory ? request->working_directory : "");
                plan.directory_is_home = false;
        }
        plan.join = (struct init_join){
                .namespaces = namespaces_to_join(request->record->init.pid),
                .init_reaps = entering->plan.role != INIT_ROLE_PAYLOAD,
                .range = { request->record->user_base, request->record->user_count },
                .user = (char *)request->user,
        };
        return init_plan_write(&plan, ret_fd, error);
}

/* ---- on the threshold ---- */

/* Executes machine-init, which joins the machine; launch/init/join.c explains the order. */
static int execute_init(const struct entering *entering, struct machine_error *error)
{
        const struct enter_request *request = entering->request;
        struct handover with = {
                .socket = entering->sockets[1],
                .init_program = entering->init_program,
                .machine = request->init,
                .group = entering->group_kill,
        };
        const uint32_t root = request->record->user_base;
        int r = 0;

        for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
                /* Without streams for a terminal the caller's are used, to read its size. */
                with.streams[i] =
                        !request->terminal && request->streams[i] >= 0 ? request->streams[i] : i;
        }
        /* While this process still has the host's rights. */
        if (!request->terminal && request->record->user_count > 0) {
                r = init_user_own_pipes(with.streams, root, root, error);
        }
        if (r == 0) {
                r = resources_prepare(0, &entering->plan.resources, error);
        }
        if (r == 0) {
                r = write_plan(entering, &with.plan, error);
        }
        if (r < 0) {
                return r;
        }
        return handover(&with, error);
}

static _Noreturn void run_threshold(struct entering *entering)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        (void)execute_init(entering, &error);
        (void)message_send_error(entering->sockets[1], &error);
        _exit(EXIT_FAILURE);
}

/* ---- before the threshold ---- */

/* Creates a process in the machine's control group, so that its limits apply from the beginning. */
static int start_threshold(struct entering *entering, struct machine_error *error)
{
        bool grouped = entering->cgroup_entry >= 0;
        struct clone_args arguments = {
                .flags = grouped ? CLONE_INTO_CGROUP : 0,
                .exit_signal = SIGCHLD,
                .cgroup = grouped ? (uint64_t)entering->cgroup_entry : 0,
        };
        long pid = syscall(SYS_clone3, &arguments, sizeof arguments);

        if (pid < 0) {
                return error_set(error, errno,
                                 "cannot create a process in the group of machine \"%s\"",
                                 entering->request->record->name);
        }
        if (pid == 0) {
                run_threshold(entering);
        }
        return 0;
}

/*
 * The parent of processes in the machine whose parent is outside: for a moment, or, if PID 1 of the
 * machine does not reap orphans, as long as the program runs. The pid namespace does not end before
 * they are reaped, which the kernel does automatically for a parent that ignores SIGCHLD. No other
 * process can be relied on: Ctrl-Z stops the caller's process group, SIGSTOP the caller alone, and
 * the process that inherits orphans of the host may not reap them. So this process is not in the
 * machine's control group, with which it would be killed.
 */
static _Noreturn void run_helper(struct entering *entering)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        fd_close(entering->sockets[0]);
        (void)setsid();
        (void)signal(SIGCHLD, SIG_IGN);
        if (start_threshold(entering, &error) < 0) {
                (void)message_send_error(entering->sockets[1], &error);
                _exit(EXIT_FAILURE);
        }
        /* A reader of the program's output waits until no process holds the streams. The mount of
         * machine-init is kept: who closes it last waits for an RCU grace period, which the program
         * should not. */
        (void)dup2(entering->init_program, 0);
        (void)process_close_from(1);
        /* ECHILD, once all are gone. */
        (void)waitid(P_ALL, 0, NULL, WEXITED);
        _exit(EXIT_SUCCESS);
}

/* ---- outside ---- */

static int read_plan(const struct enter_request *request, struct init_plan *ret,
                     struct machine_error *error)
{
        _cleanup_close_ int fd = state_open_plan(request->store, request->record->name);
        int r = fd < 0 ? fd : init_plan_read(fd, ret, error);

        if (r < 0) {
                return error_wrap(error, r, "cannot enter machine \"%s\"", request->record->name);
        }
        if (request->privileged) {
                uint64_t all = capabilities_of_kernel();

                ret->identity.capabilities = (struct capability_sets){
                        .bounding = all,
                        .permitted = all,
                        .effective = all,
                };
                ret->identity.no_new_privileges = false;
                ret->program.length = 0;
        }
        return 0;
}

/* A program in its own group can be killed with all processes that it has started. If the machine
 * has used up its groups, or created threaded ones, there is no such group, and machine-init has to
 * find the processes. */
static int open_cgroup(struct entering *entering, struct machine_error *error)
{
        const struct machine_record *record = entering->request->record;
        _cleanup_cgroup_ struct cgroup machine = CGROUP_INIT;
        int r;

        /* A user's machine may have none. */
        if (!record->cgroup) {
                return 0;
        }
        r = cgroup_open(record->cgroup, &machine, error);
        if (r < 0) {
                return r;
        }
        if (cgroup_begin_program(&machine, &entering->group) == 0) {
                entering->cgroup_entry = fcntl(entering->group.fd, F_DUPFD_CLOEXEC, 3);
                entering->group_kill =
                        openat(entering->group.fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
                return entering->cgroup_entry < 0 || entering->group_kill < 0
                               ? error_set(error, errno, "cannot open %s", entering->group.path)
                               : 0;
        }
        entering->cgroup_entry = cgroup_open_entry(&machine, record->init.pid, error);
        return entering->cgroup_entry < 0 ? entering->cgroup_entry : 0;
}

static int start_helper(struct entering *entering, int *ret_pidfd, struct machine_error *error)
{
        pid_t pid = process_fork(0, ret_pidfd);

        if (pid < 0) {
                return error_set(error, pid, "cannot create a process that enters the machine");
        }
        if (pid == 0) {
                run_helper(entering);
        }
        return 0;
}

static int begin(struct entering *entering, struct entered *ret, struct machine_error *error)
{
        struct entered entered = ENTERED_INIT;
        int r = start_helper(entering, &entered.helper, error);

        if (r == 0) {
                entered.socket = TAKE_FD(entering->sockets[0]);
                entered.group = entering->group;
                entering->group = (struct cgroup)CGROUP_INIT;
                *ret = entered;
        }
        return r;
}

int launch_enter_begin(const struct enter_request *request, struct entered *ret,
                       struct machine_error *error)
{
        struct entering entering = {
                .request = request,
                .init_program = -EBADF,
                .cgroup_entry = -EBADF,
                .group_kill = -EBADF,
                .group = CGROUP_INIT,
                .sockets = { -EBADF, -EBADF },
        };
        int r = read_plan(request, &entering.plan, error);

        if (r == 0) {
                r = open_cgroup(&entering, error);
        }
        if (r == 0) {
                r = entering.init_program = launch_open_init_program(error);
        }
        if (r >= 0) {
                r = message_socket_pair(entering.sockets);
                if (r < 0) {
                        error_set(error, r, "cannot create a socket pair");
                }
        }
        if (r == 0) {
                r = begin(&entering, ret, error);
        }
        fd_close(entering.init_program);
        fd_close(entering.cgroup_entry);
        fd_close(entering.group_kill);
        cgroup_end_program(&entering.group, true);
        fd_close(entering.sockets[0]);
        fd_close(entering.sockets[1]);
        init_plan_clear(&entering.plan);
        return r;
}
