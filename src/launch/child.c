/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The child's side of a start: the machine's first process, from the clone to machine-init. */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "launch/context.h"
#include "launch/handover.h"
#include "launch/message.h"
#include "security/become.h"

/* ---- becoming root of the machine ---- */

/* Death of the parent is death of the machine. A change of credentials clears the signal
 * (prctl(2)), so it is asked for after each; a parent that died before has closed its socket. */
static int die_with_parent(struct launch *launch, struct machine_error *error)
{
        struct pollfd peer = { .fd = launch->sockets[1], .events = 0 };

        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
                return error_set(error, errno, "cannot ask for the parent's death signal");
        }
        if (poll(&peer, 1, 0) > 0 && (peer.revents & (POLLHUP | POLLERR))) {
                return error_say(error, ECANCELED, "the supervisor has died");
        }
        return 0;
}

static int step_identity(struct launch *launch, struct machine_error *error)
{
        if (launch_has_user_namespace(launch) &&
            (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)) {
                return error_set(error, errno,
                                 "cannot become root of the machine's user namespace");
        }
        /* The caller's supplementary groups are the host's. */
        if (syscall(SYS_setgroups, 0, NULL) < 0) {
                return error_set(error, errno, "cannot drop the supplementary groups");
        }
        return die_with_parent(launch, error);
}

static int step_session(struct launch *launch, struct machine_error *error)
{
        return handover_leave_session(error);
}

/* ---- names ---- */

static bool wants_names(const struct launch *launch)
{
        return launch->machine->namespaces.uts;
}

static int step_hostname(struct launch *launch, struct machine_error *error)
{
        const struct machine *machine = launch->machine;

        if (machine->hostname && sethostname(machine->hostname, strlen(machine->hostname)) < 0) {
                return error_set(error, errno, "cannot set the hostname \"%s\"", machine->hostname);
        }
        if (machine->domainname &&
            setdomainname(machine->domainname, strlen(machine->domainname)) < 0) {
                return error_set(error, errno, "cannot set the domainname \"%s\"",
                                 machine->domainname);
        }
        return 0;
}

/* ---- file systems ---- */

static int step_enter(struct launch *launch, struct machine_error *error)
{
        return rootfs_enter(launch->rootfs, error);
}

static bool wants_volumes(const struct launch *launch)
{
        return launch->machine->root.volumes != NULL;
}

static int step_volumes(struct launch *launch, struct machine_error *error)
{
        return rootfs_volumes(launch->rootfs, error);
}

static int step_proc(struct launch *launch, struct machine_error *error)
{
        return rootfs_proc(launch->rootfs, error);
}

static int step_sys(struct launch *launch, struct machine_error *error)
{
        return rootfs_sys(launch->rootfs, error);
}

static int step_dev(struct launch *launch, struct machine_error *error)
{
        return rootfs_dev(launch->rootfs, error);
}

static bool wants_boot(const struct launch *launch)
{
        return launch->machine->process.boot;
}

static int step_boot(struct launch *launch, struct machine_error *error)
{
        return rootfs_boot(launch->rootfs, error);
}

static int step_host(struct launch *launch, struct machine_error *error)
{
        return rootfs_host(launch->rootfs, error);
}

static int step_mounts(struct launch *launch, struct machine_error *error)
{
        return rootfs_mounts(launch->rootfs, error);
}

static int step_files(struct launch *launch, struct machine_error *error)
{
        return rootfs_files(launch->rootfs, error);
}

/* Looked up before credentials and terminal, which are given to the user, and after `mounts`, which
 * may bring another /etc/passwd. */
static int step_user(struct launch *launch, struct machine_error *error)
{
        int r = machine_user_find(rootfs_root(launch->rootfs), launch->machine->process.user,
                                  &launch->user, error);

        return r < 0 ? r : machine_user_check(&launch->user, &launch->ids.range, error);
}

static bool wants_terminal(const struct launch *launch)
{
        return launch->options.terminal;
}

void launch_copy_window_size(int terminal)
{
        struct winsize size;

        /* A caller without a terminal has no size to give; the payload then finds 0 by 0. */
        if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 ||
            ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
                (void)ioctl(terminal, TIOCSWINSZ, &size);
        }
}

static int step_terminal(struct launch *launch, struct machine_error *error)
{
        _cleanup_close_ int master = -EBADF;
        int r = rootfs_terminal(launch->rootfs, &master, &launch->terminal_slave, error);

        if (r < 0) {
                return r;
        }
        launch_copy_window_size(launch->terminal_slave);
        if (fchown(launch->terminal_slave, launch->user.uid, (gid_t)-1) < 0) {
                return error_set(error, errno, "cannot give the terminal to user %u",
                                 (unsigned int)launch->user.uid);
        }
        r = message_send_fd(launch->sockets[1], MESSAGE_TERMINAL, master);
        return r < 0 ? error_set(error, r, "cannot hand the terminal to the supervisor") : 0;
}

static bool wants_sysctls(const struct launch *launch)
{
        return launch->machine->sysctl != NULL;
}

static int step_sysctl(struct launch *launch, struct machine_error *error)
{
        return launch_write_sysctls(launch->machine, rootfs_procfs(launch->rootfs), error);
}

static bool wants_credentials(const struct launch *launch)
{
        return launch->machine->credential_count > 0;
}

static int step_credentials(struct launch *launch, struct machine_error *error)
{
        return rootfs_credentials(launch->rootfs, launch->user.uid, launch->user.gid, error);
}

static int step_protect(struct launch *launch, struct machine_error *error)
{
        return rootfs_protect(launch->rootfs, error);
}

static int step_pivot(struct launch *launch, struct machine_error *error)
{
        return rootfs_pivot(launch->rootfs, error);
}

/* ---- handing over ---- */

/* The payload finds its limits and its network in place. A parent that says something else or is
 * dead undoes the start, and nobody listens. */
static int step_proceed(struct launch *launch, struct machine_error *error)
{
        struct message message = { .fd = -EBADF };

        if (message_receive(launch->sockets[1], &message) <= 0 || message.type != MESSAGE_PROCEED) {
                _exit(EXIT_FAILURE);
        }
        return 0;
}

static bool wants_late_proceed(const struct launch *launch)
{
        return !wants_sysctls(launch);
}

static bool wants_pipes_of_user(const struct launch *launch)
{
        return !launch->options.terminal && launch->machine->process.user != NULL;
}

/* The parent gave pipes to the machine's root; a payload of another user opens them as that. */
static int step_streams(struct launch *launch, struct machine_error *error)
{
        for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
                int fd = launch_stream(launch, i);
                struct stat status;

                if (fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode) &&
                    fchown(fd, launch->user.uid, launch->user.gid) < 0) {
                        return error_set(error, errno, "cannot give descriptor %d to user %u", i,
                                         (unsigned int)launch->user.uid);
                }
        }
        return 0;
}

/* The one given, else the user's home, or "/" for a root that has no such directory. */
static const char *working_directory(const struct launch *launch)
{
        const char *given = launch->machine->process.working_directory;
        const char *home = launch->user.home;

        if (given) {
                return given;
        }
        return home && access(home, F_OK) == 0 ? home : "/";
}

/* Where a root keeps its init, in the order in which the kernel's own callers look. */
static const char *const init_places[] = {
        "/usr/lib/systemd/systemd",
        "/lib/systemd/systemd",
        "/sbin/init",
};

/* The init of the machine, which is "/" by now. */
static int find_init(char ***ret, struct machine_error *error)
{
        for (size_t i = 0; i < ELEMENTS_OF(init_places); i++) {
                if (access(init_places[i], X_OK) == 0) {
                        return strv_append(ret, init_places[i]) < 0 ? error_oom(error) : 0;
                }
        }
        error_say(error, ENOENT,
                  "the machine is to boot, and there is no init in its root: neither %s nor %s nor "
                  "%s",
                  init_places[0], init_places[1], init_places[2]);
        error_hint(error, "install systemd in the root, or give a command instead of boot");
        return error_kind(error, MACHINE_ERROR_NOT_FOUND);
}

static int write_plan(const struct launch *launch, int *ret_fd, struct machine_error *error)
{
        const struct machine *machine = launch->machine;
        _cleanup_strv_ char **environment = NULL;
        struct init_plan plan = {
                .role = machine->process.boot   ? INIT_ROLE_SYSTEM
                        : machine->process.init ? INIT_ROLE_STUB
                                                : INIT_ROLE_PAYLOAD,
                .terminal = launch->options.terminal,
                .identity = {
                        .uid = launch->user.uid,
                        .gid = launch->user.gid,
                        .groups = launch->user.groups,
                        .group_count = launch->user.group_count,
                        .capabilities = launch->capabilities,
                        .no_new_privileges = machine->security.no_new_privileges,
                        /* A payload without a stub dies with the supervisor itself. */
                        .parent_death_signal = machine->process.init ? 0 : SIGKILL,
                },
                .program = launch->filter,
                .resources = resource_settings_of(&machine->limits),
                .arguments = machine->process.command,
                .working_directory = (char *) working_directory(launch),
                .label = { machine->security.apparmor, machine->security.selinux },
        };
        _cleanup_strv_ char **init = NULL;
        int r = launch_complete_environment(launch, &environment, error);

        if (r == 0 && !plan.arguments) {
                r = find_init(&init, error);
                plan.arguments = init;
        }
        if (r < 0) {
                return r;
        }
        plan.environment = environment;
        return init_plan_write(&plan, ret_fd, error);
}

static int step_init(struct launch *launch, struct machine_error *error)
{
        struct handover with = {
                .socket = launch->sockets[1],
                .init_program = launch->init_program,
        };
        int r = write_plan(launch, &with.plan, error);

        if (r < 0) {
                return r;
        }
        r = message_send_fd(launch->sockets[1], MESSAGE_PLAN, with.plan);
        if (r < 0) {
                return error_set(error, r, "cannot hand the plan to the supervisor");
        }
        for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
                with.streams[i] = launch->options.terminal ? launch->terminal_slave
                                                           : launch_stream(launch, i);
        }
        return handover(&with, error);
}

/* Mounts come while the host's /proc is still fully visible, which a user namespace needs to mount
 * its own. What is written to /proc comes before it is made read-only. */
const struct launch_step launch_child_steps[] = {
        { .name = "identity", .set_up = step_identity },
        { .name = "session", .set_up = step_session },
        { .name = "hostname", .wanted = wants_names, .set_up = step_hostname },
        { .name = "enter-root", .set_up = step_enter },
        { .name = "volumes", .wanted = wants_volumes, .set_up = step_volumes },
        { .name = "proc", .set_up = step_proc },
        { .name = "sys", .set_up = step_sys },
        { .name = "dev", .set_up = step_dev },
        { .name = "boot-directories", .wanted = wants_boot, .set_up = step_boot },
        { .name = "mounts", .set_up = step_mounts },
        { .name = "run-host", .set_up = step_host },
        { .name = "user", .set_up = step_user },
        { .name = "terminal", .wanted = wants_terminal, .set_up = step_terminal },
        { .name = "credentials", .wanted = wants_credentials, .set_up = step_credentials },
        { .name = "files", .set_up = step_files },
        /* Sysctls name the machine's interfaces. */
        { .name = "proceed", .wanted = wants_sysctls, .set_up = step_proceed },
        { .name = "sysctl", .wanted = wants_sysctls, .set_up = step_sysctl },
        { .name = "protect", .set_up = step_protect },
        { .name = "pivot", .set_up = step_pivot },
        { .name = "proceed", .wanted = wants_late_proceed, .set_up = step_proceed },
        /* The parent has given them to root. */
        { .name = "streams-of-user", .wanted = wants_pipes_of_user, .set_up = step_streams },
        { .name = "init", .set_up = step_init },
        { 0 },
};

_Noreturn void launch_child(struct launch *launch)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        launch->sockets[0] = fd_close(launch->sockets[0]);
        if (die_with_parent(launch, NULL) < 0) {
                _exit(EXIT_FAILURE);
        }
        for (const struct launch_step *step = launch_child_steps; step->name; step++) {
                int r;

                if (!launch_step_wanted(step, launch)) {
                        continue;
                }
                r = launch_inject_fault(step->name, &error);
                if (r == 0) {
                        r = step->set_up(launch, &error);
                }
                log_debug(launch->options.log, "  %s: %s", step->name, r < 0 ? "failed" : "done");
                if (r < 0) {
                        error_step(&error, step->name);
                        break;
                }
        }
        (void)message_send_error(launch->sockets[1], &error);
        _exit(EXIT_FAILURE);
}
