/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/enter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/path.h"
#include "base/process.h"
#include "base/strings.h"
#include "launch/context.h"
#include "launch/handover.h"
#include "launch/message.h"

/* Both sides of the way in. */
struct entering {
        const struct enter_request *request;
        struct init_plan plan; /* the payload's, then changed to what is asked for */
        int init_program;
        int cgroup_entry;
        int sockets[2];
        bool init_reaps; /* whether PID 1 of the machine reaps what is left to it */
};

/* ---- inside ---- */

/* The machine could have put anything in place of its devpts: what is opened has to be one. */
static int open_terminal(int *ret_master, int *ret_slave, struct machine_error *error)
{
        _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_close_ int master =
                root < 0 ? -errno : path_open_no_links(root, "dev/pts/ptmx", O_RDWR, 0);
        struct statfs file_system;
        struct stat status;
        int unlocked = 0, slave;

        if (master < 0) {
                return error_set(error, master, "cannot open /dev/pts/ptmx of the machine");
        }
        if (fstatfs(master, &file_system) < 0 || file_system.f_type != DEVPTS_SUPER_MAGIC ||
            fstat(master, &status) < 0 || !S_ISCHR(status.st_mode) ||
            status.st_rdev != makedev(5, 2)) {
                return error_say(error, EXDEV,
                                 "/dev/pts/ptmx of the machine is not what its start made it");
        }
        if (ioctl(master, TIOCSPTLCK, &unlocked) < 0) {
                return error_set(error, errno, "cannot unlock a terminal of the machine");
        }
        slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (slave < 0) {
                return error_set(error, errno, "cannot open a terminal of the machine");
        }
        launch_copy_window_size(slave);
        *ret_slave = slave;
        *ret_master = TAKE_FD(master);
        return 0;
}

/* "HOME=", "USER=" and "LOGNAME=" of another user than the payload's. */
static int describe_user(const struct machine_user *user, char ***environment)
{
        const char *name = user->name ? user->name : user->uid == 0 ? "root" : NULL;
        int r = launch_set_variable(environment, string_format("HOME=%s", user->home));

        if (r == 0 && name) {
                r = launch_set_variable(environment, string_format("USER=%s", name));
        }
        if (r == 0 && name) {
                r = launch_set_variable(environment, string_format("LOGNAME=%s", name));
        }
        return r;
}

static int change_user(struct entering *entering, char ***environment, struct machine_error *error)
{
        const struct enter_request *request = entering->request;
        struct init_plan *plan = &entering->plan;
        /* Lives until execve(2), like all that the plan points to. */
        struct machine_user user = MACHINE_USER_INIT;
        _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r;

        if (!request->user) {
                return 0;
        }
        r = machine_user_find(root, request->user, &user, error);
        if (r < 0) {
                return r;
        }
        plan->identity.uid = user.uid;
        plan->identity.gid = user.gid;
        plan->identity.groups = user.groups;
        plan->identity.group_count = user.group_count;
        plan->working_directory = user.home;
        return describe_user(&user, environment) < 0 ? error_oom(error) : 0;
}

static int change_plan(struct entering *entering, struct machine_error *error)
{
        const struct enter_request *request = entering->request;
        struct init_plan *plan = &entering->plan;
        char **environment = strv_copy(plan->environment);
        const char *terminal = getenv("TERM");
        int r;

        if (!environment) {
                return error_oom(error);
        }
        r = change_user(entering, &environment, error);
        if (r == 0 && request->terminal) {
                r = launch_set_variable(&environment,
                                        string_format("TERM=%s", terminal ? terminal : "linux"));
        }
        for (char *const *entry = request->environment; r == 0 && entry && *entry; entry++) {
                r = launch_set_variable(&environment, strdup(*entry));
        }
        if (r < 0) {
                return error_is_set(error) ? r : error_oom(error);
        }
        plan->environment = environment;
        plan->arguments = (char **)request->command;
        plan->role = INIT_ROLE_COMPANION;
        plan->terminal = request->terminal;
        plan->identity.parent_death_signal = SIGKILL;
        if (request->working_directory) {
                plan->working_directory = (char *)request->working_directory;
        }
        return 0;
}

static int become_inside(struct entering *entering, struct machine_error *error)
{
        const struct enter_request *request = entering->request;
        struct handover with = {
                .socket = entering->sockets[1],
                .init_program = entering->init_program,
        };
        int master = -EBADF, slave = -EBADF;
        int r;

        if (request->record->user_count > 0 && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)) {
                return error_set(error, errno, "cannot become root of the machine");
        }
        r = handover_leave_session(error);
        if (r == 0) {
                r = change_plan(entering, error);
        }
        if (r == 0 && request->terminal) {
                r = open_terminal(&master, &slave, error);
        }
        if (r < 0) {
                return r;
        }
        if (slave >= 0 && (fchown(slave, entering->plan.identity.uid, (gid_t)-1) < 0 ||
                           message_send_fd(entering->sockets[1], MESSAGE_TERMINAL, master) < 0)) {
                return error_set(error, errno, "cannot hand over the terminal");
        }
        for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
                with.streams[i] = slave >= 0                 ? slave
                                  : request->streams[i] >= 0 ? request->streams[i]
                                                             : i;
        }
        r = init_plan_write(&entering->plan, &with.plan, error);
        return r < 0 ? r : handover(&with, error);
}

/*
 * Makes PID 1 the parent of what follows: an orphan is given to the PID 1 of the namespace that its
 * dead parent was in (find_new_reaper() of the kernel).
 */
static int leave_to_init(const struct entering *entering, struct machine_error *error)
{
        int pidfd = -EBADF;
        struct clone_args arguments = {
                .flags = CLONE_PIDFD,
                .exit_signal = SIGCHLD,
                .pidfd = (uint64_t)(uintptr_t)&pidfd,
        };
        long pid = syscall(SYS_clone3, &arguments, sizeof arguments);

        if (pid > 0) {
                (void)message_send_fd(entering->sockets[1], MESSAGE_COMPANION, pidfd);
                _exit(EXIT_SUCCESS);
        }
        return pid < 0 ? error_set(error, errno, "cannot make a process in the machine") : 0;
}

static _Noreturn void run_inside(struct entering *entering)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        (void)signal(SIGCHLD, SIG_DFL);
        if (!entering->init_reaps || leave_to_init(entering, &error) == 0) {
                (void)become_inside(entering, &error);
        }
        (void)message_send_error(entering->sockets[1], &error);
        _exit(EXIT_FAILURE);
}

/* ---- on the threshold ---- */

static uint64_t namespaces_to_join(const struct machine_record *record)
{
        /* A process that is in the user namespace already cannot join it (setns(2)). */
        return CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET |
               CLONE_NEWCGROUP | CLONE_NEWTIME | (record->user_count > 0 ? CLONE_NEWUSER : 0);
}

/*
 * Joins the namespaces, which takes effect for pids and time in a child only, and makes that child.
 * It is not dumpable before it enters: whoever is root in the machine can neither trace it nor look
 * through its descriptors (CVE-2016-9962).
 */
static int cross(struct entering *entering, struct machine_error *error)
{
        const struct enter_request *request = entering->request;
        int pidfd = -EBADF;
        struct clone_args arguments = {
                .flags = CLONE_PIDFD | (entering->init_reaps ? 0 : CLONE_PARENT),
                .exit_signal = entering->init_reaps ? SIGCHLD : 0,
                .pidfd = (uint64_t)(uintptr_t)&pidfd,
        };
        long pid;
        int r;

        /* While this process still has the host's rights. */
        r = resources_prepare(0, &entering->plan.resources, error);
        if (r < 0) {
                return r;
        }
        if (prctl(PR_SET_DUMPABLE, 0) < 0) {
                return error_set(error, errno, "cannot make this process untraceable");
        }
        if (setns(request->init, (int)namespaces_to_join(request->record)) < 0) {
                return error_set(error, errno, "cannot join the namespaces of machine \"%s\"",
                                 request->record->name);
        }
        pid = syscall(SYS_clone3, &arguments, sizeof arguments);
        if (pid < 0) {
                return error_set(error, errno, "cannot make a process in machine \"%s\"",
                                 request->record->name);
        }
        if (pid == 0) {
                run_inside(entering);
        }
        return entering->init_reaps
                       ? 0
                       : message_send_fd(entering->sockets[1], MESSAGE_COMPANION, pidfd);
}

/*
 * The parent of those in the machine that have one outside. The pid namespace does not end before
 * they are reaped, which the kernel does by itself for a parent that ignores SIGCHLD, whatever has
 * become of the caller: Ctrl-Z stops its group of processes, SIGSTOP stops it alone, and who gets
 * its orphans may reap none.
 */
static void become_parent(const struct entering *entering)
{
        fd_close(entering->sockets[0]);
        (void)setsid();
        (void)signal(SIGCHLD, SIG_IGN);
}

static _Noreturn void wait_for_children(void)
{
        /* Whoever reads what the program writes waits for all who could write. */
        (void)process_close_from(0);
        /* ECHILD, once all are gone. */
        (void)waitid(P_ALL, 0, NULL, WEXITED);
        _exit(EXIT_SUCCESS);
}

static _Noreturn void run_threshold(struct entering *entering)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        if (entering->init_reaps) {
                become_parent(entering);
        }
        if (cross(entering, &error) < 0) {
                (void)message_send_error(entering->sockets[1], &error);
                _exit(EXIT_FAILURE);
        }
        if (entering->init_reaps) {
                wait_for_children();
        }
        _exit(EXIT_SUCCESS);
}

/* ---- before the threshold ---- */

/* A process in the machine's control group, which is what it is to be limited by from the
 * beginning. ret_pidfd may be NULL. */
static int start_threshold(struct entering *entering, int *ret_pidfd, struct machine_error *error)
{
        struct clone_args arguments = {
                .flags = CLONE_INTO_CGROUP | (ret_pidfd ? CLONE_PIDFD : 0),
                .exit_signal = SIGCHLD,
                .cgroup = (uint64_t)entering->cgroup_entry,
                .pidfd = (uint64_t)(uintptr_t)ret_pidfd,
        };
        long pid = syscall(SYS_clone3, &arguments, sizeof arguments);

        if (pid < 0) {
                return error_set(error, errno,
                                 "cannot make a process in the group of machine \"%s\"",
                                 entering->request->record->name);
        }
        if (pid == 0) {
                run_threshold(entering);
        }
        return 0;
}

/* Where PID 1 reaps nothing, the program and its companion have a parent outside for as long as
 * they run. It is not in the machine's control group, or the machine's end were its own. */
static _Noreturn void run_helper(struct entering *entering)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        become_parent(entering);
        if (start_threshold(entering, NULL, &error) < 0) {
                (void)message_send_error(entering->sockets[1], &error);
                _exit(EXIT_FAILURE);
        }
        wait_for_children();
}

/* ---- outside ---- */

static int read_plan(const struct enter_request *request, struct init_plan *ret,
                     struct machine_error *error)
{
        _cleanup_close_ int fd = state_open_plan(request->store, request->record->name);
        int r = fd < 0 ? fd : init_plan_read(fd, ret);

        if (r < 0) {
                error_set(error, r, "cannot read with what machine \"%s\" was started",
                          request->record->name);
                return r;
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

static int open_cgroup(const struct machine_record *record, int *ret, struct machine_error *error)
{
        _cleanup_cgroup_ struct cgroup group = CGROUP_INIT;
        int r = cgroup_open(record->cgroup ? record->cgroup : "", &group, error);

        if (r == 0) {
                r = cgroup_open_entry(&group, record->init.pid, error);
        }
        if (r < 0) {
                return r;
        }
        *ret = r;
        return 0;
}

static int start_helper(struct entering *entering, int *ret_pidfd, struct machine_error *error)
{
        struct clone_args arguments = {
                .flags = CLONE_PIDFD,
                .exit_signal = SIGCHLD,
                .pidfd = (uint64_t)(uintptr_t)ret_pidfd,
        };
        long pid = syscall(SYS_clone3, &arguments, sizeof arguments);

        if (pid < 0) {
                return error_set(error, errno, "cannot make a process that enters the machine");
        }
        if (pid == 0) {
                run_helper(entering);
        }
        return 0;
}

static int begin(struct entering *entering, struct entered *ret, struct machine_error *error)
{
        struct entered entered = ENTERED_INIT;
        int r = entering->init_reaps ? start_threshold(entering, &entered.helper, error)
                                     : start_helper(entering, &entered.helper, error);

        if (r == 0) {
                entered.socket = TAKE_FD(entering->sockets[0]);
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
                .sockets = { -EBADF, -EBADF },
        };
        int r = read_plan(request, &entering.plan, error);

        entering.init_reaps = entering.plan.role != INIT_ROLE_PAYLOAD;
        if (r == 0) {
                r = open_cgroup(request->record, &entering.cgroup_entry, error);
        }
        if (r == 0) {
                r = entering.init_program = launch_open_init_program(error);
        }
        if (r >= 0) {
                r = message_socket_pair(entering.sockets);
                if (r < 0) {
                        error_set(error, r, "cannot make a socket pair");
                }
        }
        if (r == 0) {
                r = begin(&entering, ret, error);
        }
        fd_close(entering.init_program);
        fd_close(entering.cgroup_entry);
        fd_close(entering.sockets[0]);
        fd_close(entering.sockets[1]);
        init_plan_clear(&entering.plan);
        return r;
}
