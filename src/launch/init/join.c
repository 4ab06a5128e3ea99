/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How a program enters a running machine, whose processes are hostile and can see it.
 *
 * Everything that needs privileges or time is done on the threshold: by a process that has joined
 * every namespace but is not in the machine's pid namespace, because setns(2) only moves children
 * there. No process inside can refer to it: there is no /proc/PID, ptrace(2), pidfd or signal. It
 * was executed before it joined, so its memory, and each copy of it, belongs to the caller's user
 * namespace (mm_struct.user_ns of the kernel): since it is undumpable, not even all capabilities in
 * the machine's user namespace give access to a copy. Before it crosses the threshold it drops
 * every privilege that its program must not have (security_begin()).
 */

#include "launch/init/join.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/path.h"
#include "base/process/process.h"
#include "base/process/sockets.h"
#include "base/strings.h"
#include "launch/init/message.h"
#include "launch/init/session.h"
#include "launch/init/user.h"
#include "security/user/user.h"

/* The time limit in seconds for entering the pid namespace, slightly longer than a caller waits. */
#define TIME_MAXIMUM 25

/* ---- on the threshold ---- */

/* The capabilities needed to become the program's user and to give it a terminal. */
#define NEEDED_ON_THE_THRESHOLD                                                                  \
        (CAPABILITY_BIT(CAP_SETUID) | CAPABILITY_BIT(CAP_SETGID) | CAPABILITY_BIT(CAP_SETPCAP) | \
         CAPABILITY_BIT(CAP_KILL) | CAPABILITY_BIT(CAP_CHOWN))

/* Becomes root of the machine with the program's capabilities and those needed to become its user.
 */
static int enter_namespaces(const struct init_plan *plan, struct machine_error *error)
{
        const struct security_identity *identity = &plan->identity;
        uint64_t kept = NEEDED_ON_THE_THRESHOLD | identity->capabilities.permitted |
                        security_kept_for_filter(identity, &plan->program);

        if (setns(INIT_MACHINE_FD, (int)plan->join.namespaces) < 0) {
                return error_set(error, errno, "cannot join the machine's namespaces");
        }
        close(INIT_MACHINE_FD);
        if ((plan->join.namespaces & CLONE_NEWUSER) &&
            (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)) {
                return error_set(error, errno, "cannot become root of the machine");
        }
        /* Only a user's machine has the network of its caller, the host's: as at its start. On an
         * older kernel the start has warned. Containers have the host's abstract sockets as well.
         */
        if (!(plan->join.namespaces & CLONE_NEWNET) && plan->role != INIT_ROLE_ENTRANT) {
                (void)sockets_close_abstract();
        }
        return security_keep(kept, error);
}

/* The payload's plan has the groups that a user's machine keeps for devices: another user of it has
 * them as well. */
static int add_kept_groups(const struct init_plan *plan, struct machine_user *user)
{
        size_t most = user->group_count + plan->identity.group_count;
        gid_t *groups = reallocarray(user->groups, most + 1, sizeof *groups);

        if (!groups) {
                return -ENOMEM;
        }
        user->groups = groups;
        for (size_t i = 0; i < plan->identity.group_count; i++) {
                if (plan->join.range.count > 0 && plan->identity.groups[i] >= USER_GROUPS_FIRST) {
                        groups[user->group_count++] = plan->identity.groups[i];
                }
        }
        return 0;
}

/* The strings that the plan borrows from the user live until execve(2). */
static int change_user(struct init_plan *plan, struct machine_error *error)
{
        struct machine_user user = MACHINE_USER_INIT;
        _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r;

        if (!plan->join.user) {
                return plan->role == INIT_ROLE_ENTRANT &&
                                       init_user_describe_home(root, plan->identity.uid,
                                                               &plan->environment) < 0
                               ? error_oom(error)
                               : 0;
        }
        r = init_user_find(root, plan->join.user, &plan->join.range, &user, error);
        if (r < 0) {
                return r;
        }
        if (add_kept_groups(plan, &user) < 0) {
                return error_oom(error);
        }
        init_user_plan(&user, plan);
        return init_user_describe(&user, &plan->environment) < 0 ? error_oom(error) : 0;
}

/* The machine may have replaced its devpts, so the opened file must be on one. */
static int open_master(struct machine_error *error)
{
        _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_close_ int master =
                root < 0 ? -errno : path_open_no_links(root, "dev/pts/ptmx", O_RDWR, 0);
        struct statfs file_system;
        struct stat status;

        if (master < 0) {
                return error_set(error, master, "cannot open /dev/pts/ptmx of the machine");
        }
        if (fstatfs(master, &file_system) < 0 || file_system.f_type != DEVPTS_SUPER_MAGIC ||
            fstat(master, &status) < 0 || !S_ISCHR(status.st_mode) ||
            status.st_rdev != makedev(5, 2)) {
                return error_say(
                        error, EXDEV,
                        "/dev/pts/ptmx of the machine is not the one that its start created");
        }
        return TAKE_FD(master);
}

/* Best effort: without it the program can use its pipes, but not open them by a path. Those of a
 * caller that did not give them to the machine's root keep their owner. */
static void own_pipes(const struct init_plan *plan)
{
        static const int streams[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO };

        if (!plan->terminal) {
                (void)init_user_own_pipes(streams, plan->identity.uid, plan->identity.gid, NULL);
        }
}

/* Makes the terminal standard input, output and error, and passes the master side to the caller. */
static int open_terminal(const struct init_plan *plan, struct machine_error *error)
{
        _cleanup_close_ int master = -EBADF;
        _cleanup_close_ int slave = -EBADF;
        int unlocked = 0, r;

        if (!plan->terminal) {
                return 0;
        }
        master = open_master(error);
        if (master < 0) {
                return master;
        }
        if (ioctl(master, TIOCSPTLCK, &unlocked) < 0) {
                return error_set(error, errno, "cannot unlock a terminal of the machine");
        }
        slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (slave < 0) {
                return error_set(error, errno, "cannot open a terminal of the machine");
        }
        r = init_user_own_terminal(plan->identity.uid, slave, error);
        if (r < 0) {
                return r;
        }
        r = message_send_fd(INIT_SOCKET_FD, MESSAGE_TERMINAL, master);
        if (r < 0) {
                return error_set(error, r, "cannot pass the terminal to the caller");
        }
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
                if (dup2(slave, fd) < 0) {
                        return error_set(error, errno, "cannot place descriptor %d", fd);
                }
        }
        return 0;
}

/* ---- inside ---- */

/*
 * Makes PID 1 the parent of the following processes: an orphan is reparented to PID 1 of its dead
 * parent's namespace (find_new_reaper() of the kernel).
 */
static int leave_to_init(struct machine_error *error)
{
        int pidfd = -EBADF;
        pid_t pid = process_fork(0, &pidfd);

        if (pid > 0) {
                (void)message_send_fd(INIT_SOCKET_FD, MESSAGE_COMPANION, pidfd);
                /* The kernel releases the memory, and with it the undumpable flag, before it closes
                 * descriptors. */
                (void)process_close_from(0);
                _exit(EXIT_SUCCESS);
        }
        return pid < 0 ? error_set(error, pid, "cannot create a process in the machine") : 0;
}

/* ---- crossing ---- */

/* Returns in the process inside the machine's pid namespace. Its parent is the one of this process,
 * which outlives it (launch/enter/enter.c). */
static int cross(const struct init_plan *plan, struct machine_error *error)
{
        int pidfd = -EBADF;
        pid_t pid = process_fork(CLONE_PARENT, &pidfd);

        if (pid < 0) {
                return error_set(error, pid, "cannot create a process in the machine");
        }
        if (pid == 0) {
                return plan->join.init_reaps ? leave_to_init(error) : 0;
        }
        if (!plan->join.init_reaps) {
                (void)message_send_fd(INIT_SOCKET_FD, MESSAGE_COMPANION, pidfd);
        }
        _exit(EXIT_SUCCESS);
}

/* No other process can refer to this process to kill it, and its parent must not die before its
 * processes inside. So it kills itself if the machine blocks it, shortly after its caller has given
 * up. */
static void limit_time(unsigned int seconds)
{
        sigset_t alarms;

        sigemptyset(&alarms);
        sigaddset(&alarms, SIGALRM);
        (void)signal(SIGALRM, SIG_DFL);
        (void)sigprocmask(SIG_UNBLOCK, &alarms, NULL);
        (void)alarm(seconds);
}

int join_machine(struct init_plan *plan, uint64_t kept, struct machine_error *error)
{
        int r = enter_namespaces(plan, error);

        limit_time(TIME_MAXIMUM);
        if (r == 0) {
                r = change_user(plan, error);
        }
        if (r == 0) {
                own_pipes(plan);
                r = open_terminal(plan, error);
        }
        if (r == 0) {
                r = security_begin(&plan->identity, &plan->program, kept, error);
        }
        limit_time(0);
        if (r == 0) {
                r = cross(plan, error);
        }
        if (r < 0) {
                return r;
        }
        (void)signal(SIGCHLD, SIG_DFL);
        return session_leave(plan->keep_keyring, error);
}
