/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The child's side of a start: the machine's first process, from clone3(2) to machine-init. */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/error.h"
#include "base/path.h"
#include "base/process/sockets.h"
#include "base/strings.h"
#include "launch/context.h"
#include "launch/init/message.h"
#include "launch/init/session.h"
#include "launch/init/user.h"
#include "launch/steps.h"
#include "security/become.h"

/* ---- becoming root of the machine ---- */

/* The machine dies with its parent. A change of credentials clears the death signal (prctl(2)), so
 * it is set again after each; a parent that died earlier has closed its socket. */
static int die_with_parent(struct launch *launch, struct machine_error *error)
{
        struct pollfd peer = { .fd = launch->sockets[1], .events = 0 };

        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
                return error_set(error, errno, "cannot set the parent death signal");
        }
        if (poll(&peer, 1, 0) > 0 && (peer.revents & (POLLHUP | POLLERR))) {
                return error_say(error, ECANCELED, "the supervisor has died");
        }
        return 0;
}

int launch_step_identity(struct launch *launch, struct machine_error *error)
{
        int r = launch_join_time(launch, error);

        if (r < 0) {
                return r;
        }
        if (launch_has_user_namespace(launch) &&
            (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)) {
                return error_set(error, errno,
                                 "cannot become root of the machine's user namespace");
        }
        /* The supplementary groups of the caller are the host's. */
        r = launch->machine->process.identity.keep_groups ? 0 : security_drop_groups();
        if (r < 0) {
                return error_set(error, r, "cannot drop the supplementary groups");
        }
        /* A container may have joined a pid namespace in which others are, see docs/entering.md;
         * the change of ids may have undone this. */
        if (launch_is_container(launch) && prctl(PR_SET_DUMPABLE, 0) < 0) {
                return error_set(error, errno, "cannot protect this process");
        }
        return die_with_parent(launch, error);
}

int launch_step_session(struct launch *launch, struct machine_error *error)
{
        return session_leave(
                launch_is_container(launch) && launch->options.container->keeps_keyring, error);
}

/* ---- names ---- */

bool launch_wants_names(const struct launch *launch)
{
        return launch->machine->bare
                       ? launch_given(launch, MACHINE_NAMESPACE_UTS) != MACHINE_NAMESPACE_HOST
                       : launch->machine->namespaces.uts && !launch_joins_pod(launch);
}

int launch_step_hostname(struct launch *launch, struct machine_error *error)
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

/* A bare machine has what its mounts are, and nothing else. */
bool launch_wants_facilities(const struct launch *launch)
{
        return !launch->machine->bare;
}

int launch_step_enter(struct launch *launch, struct machine_error *error)
{
        return rootfs_enter(launch->rootfs, error);
}

bool launch_wants_volumes(const struct launch *launch)
{
        return launch->machine->root.volumes != NULL;
}

int launch_step_volumes(struct launch *launch, struct machine_error *error)
{
        return rootfs_volumes(launch->rootfs, error);
}

int launch_step_proc(struct launch *launch, struct machine_error *error)
{
        return rootfs_proc(launch->rootfs, error);
}

int launch_step_sys(struct launch *launch, struct machine_error *error)
{
        return rootfs_sys(launch->rootfs, error);
}

int launch_step_dev(struct launch *launch, struct machine_error *error)
{
        return rootfs_dev(launch->rootfs, error);
}

bool launch_wants_boot(const struct launch *launch)
{
        return launch->machine->process.boot;
}

int launch_step_boot(struct launch *launch, struct machine_error *error)
{
        return rootfs_boot(launch->rootfs, error);
}

int launch_step_host(struct launch *launch, struct machine_error *error)
{
        return rootfs_host(launch->rootfs, error);
}

int launch_step_mounts(struct launch *launch, struct machine_error *error)
{
        return rootfs_mounts(launch->rootfs, error);
}

int launch_step_files(struct launch *launch, struct machine_error *error)
{
        return rootfs_files(launch->rootfs, error);
}

/* Looked up before credentials and terminal, which the user will own, and after `mounts`, which may
 * replace /etc/passwd. */
int launch_step_user(struct launch *launch, struct machine_error *error)
{
        const struct machine_identity *given = &launch->machine->process.identity;
        int r;

        if (given->set) {
                char text[32];

                /* For HOME alone: the root's files have no say in the ids, nor in the start. */
                (void)snprintf(text, sizeof text, "%u:%u", given->uid, given->gid);
                if (machine_user_find(rootfs_root(launch->rootfs), text, &launch->user, NULL) < 0) {
                        launch->user = (struct machine_user)MACHINE_USER_INIT;
                }
                launch->user.uid = given->uid;
                launch->user.gid = given->gid;
                launch->user.group_count = given->group_count;
                launch->user.groups = given->groups;
                return 0;
        }
        r = init_user_find(rootfs_root(launch->rootfs), launch->machine->process.user,
                           &launch->ids.range, &launch->user, error);
        if (r == 0 && launch->machine->process.groups) {
                r = machine_user_add_groups(rootfs_root(launch->rootfs),
                                            launch->machine->process.groups, &launch->user, error);
                r = r < 0 ? r : machine_user_check(&launch->user, &launch->ids.range, error);
        }
        return r < 0 ? r : launch_add_kept_groups(launch, &launch->user, error);
}

bool launch_wants_directory(const struct launch *launch)
{
        return (launch->image_directory || launch->machine->bare) &&
               launch->machine->process.working_directory;
}

/* An image may name a directory that none of its layers has; creating it is left to the runtime
 * (OCI image specification, "WorkingDir"), and callers of runtimes leave it to them, too. If that
 * fails, entering it reports why. */
int launch_step_directory(struct launch *launch, struct machine_error *error)
{
        int fd =
                path_make_directory_in_root(rootfs_root(launch->rootfs),
                                            launch->machine->process.working_directory, 0755, 0, 0);

        fd_close(fd);
        return 0;
}

bool launch_wants_terminal(const struct launch *launch)
{
        return launch->options.terminal;
}

static int set_terminal_size(const struct launch *launch, int terminal, struct machine_error *error)
{
        const struct machine_process *process = &launch->machine->process;
        const struct winsize size = { .ws_row = process->terminal_rows,
                                      .ws_col = process->terminal_columns };

        if (size.ws_row == 0 && size.ws_col == 0) {
                return 0;
        }
        return ioctl(terminal, TIOCSWINSZ, &size) < 0
                       ? error_set(error, errno, "cannot set the size of the terminal")
                       : 0;
}

int launch_step_terminal(struct launch *launch, struct machine_error *error)
{
        _cleanup_close_ int master = -EBADF;
        int r = rootfs_terminal(launch->rootfs, &master, &launch->terminal_slave, error);

        if (r < 0) {
                return r;
        }
        r = set_terminal_size(launch, master, error);
        if (r == 0) {
                r = init_user_own_terminal(launch->user.uid, launch->terminal_slave, error);
        }
        if (r < 0) {
                return r;
        }
        r = message_send_fd(launch->sockets[1], MESSAGE_TERMINAL, master);
        return r < 0 ? error_set(error, r, "cannot pass the terminal to the supervisor") : 0;
}

bool launch_wants_sysctls(const struct launch *launch)
{
        return launch->machine->sysctl != NULL;
}

int launch_step_sysctl(struct launch *launch, struct machine_error *error)
{
        return launch_write_sysctls(launch->machine, rootfs_procfs(launch->rootfs),
                                    launch->options.rehearsal, error);
}

bool launch_wants_inside(const struct launch *launch)
{
        return launch_is_container(launch) && launch->options.container->inside;
}

/* The caller does what it has to do before the machine's root becomes "/". */
bool launch_wants_early_proceed(const struct launch *launch)
{
        return launch_wants_sysctls(launch) || launch_wants_inside(launch) ||
               launch_wants_created(launch);
}

int launch_step_inside(struct launch *launch, struct machine_error *error)
{
        const struct launch_container *container = launch->options.container;

        /* As with runc: hooks find the root in their working directory. */
        if (fchdir(rootfs_root(launch->rootfs)) < 0) {
                return error_set(error, errno, "cannot enter the container's root");
        }
        return container->inside(container->data, getpid(), error);
}

bool launch_wants_credentials(const struct launch *launch)
{
        return launch->machine->credential_count > 0;
}

int launch_step_credentials(struct launch *launch, struct machine_error *error)
{
        return rootfs_credentials(launch->rootfs, launch->user.uid, launch->user.gid, error);
}

int launch_step_protect(struct launch *launch, struct machine_error *error)
{
        return rootfs_protect(launch->rootfs, error);
}

int launch_step_pivot(struct launch *launch, struct machine_error *error)
{
        return rootfs_pivot(launch->rootfs, error);
}

/* ---- handing over ---- */

/* Waits until the payload's limits and network are in place. If the parent sends something else or
 * is dead, the start is being undone and no error can be reported. */
int launch_step_proceed(struct launch *launch, struct machine_error *error)
{
        struct message message = { .fd = -EBADF };

        if (message_receive(launch->sockets[1], &message) <= 0 || message.type != MESSAGE_PROCEED) {
                _exit(EXIT_FAILURE);
        }
        return 0;
}

bool launch_wants_late_proceed(const struct launch *launch)
{
        return !launch_wants_early_proceed(launch);
}

bool launch_wants_pipes_of_user(const struct launch *launch)
{
        return !launch->options.terminal && launch->machine->process.user != NULL;
}

/* The parent gave pipes to the machine's root; a payload that runs as another user needs to open
 * them, too. */
int launch_step_streams(struct launch *launch, struct machine_error *error)
{
        const int streams[] = { launch_stream(launch, 0), launch_stream(launch, 1),
                                launch_stream(launch, 2) };

        return init_user_own_pipes(streams, launch->user.uid, launch->user.gid, error);
}

/* A user's machine in the host's network has his own id, with which his session's sockets are open
 * to it. */
bool launch_wants_closed_sockets(const struct launch *launch)
{
        return launch->by_user && !launch->machine->bare &&
               launch->machine->network.mode == MACHINE_NETWORK_HOST;
}

int launch_step_sockets(struct launch *launch, struct machine_error *error)
{
        int r = sockets_close_abstract();

        if (r == -EOPNOTSUPP) {
                log_warning(launch->options.log,
                            "network.mode: in the host's network, abstract sockets of your session "
                            "are open to the machine: closing them needs Linux 6.12");
                return 0;
        }
        return r < 0 ? error_set(error, r, "cannot close the host's abstract sockets") : 0;
}

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
