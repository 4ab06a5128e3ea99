/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The machine's namespaces, and its first process in them.
 *
 * A network namespace alone takes the kernel half a millisecond, as long as the parent needs for
 * all the file systems. So a process of their own, the maker, makes the namespaces on another
 * processor meanwhile: user, network (with its loopback), ipc, uts, time. When the parent is ready
 * the maker makes the first process, by the one clone3(2) that adds the other namespaces and the
 * control group, and ends. With CLONE_PARENT that process is the parent's child, not the maker's.
 *
 * The maker shares the memory and the descriptors of the parent: to copy its page tables would cost
 * what is to be saved, and the first process needs what the parent has built since. So both run in
 * one memory at a time: the maker calls the kernel and nothing else, and writes to its own stack,
 * to `struct maker` and, where a call fails, to errno, whose start has failed by then. Only while
 * it clones does the parent wait: what the first process gets a copy of is at rest.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "launch/context.h"
#include "launch/message.h"
#include "launch/network.h"

/* Made ahead; the others are tied to the first process: its mounts are a copy of what is staged,
 * its pid namespace begins with it, its cgroup namespace is rooted at the group that it enters. */
static int early_flags(const struct launch *launch)
{
        const struct machine_namespaces *namespaces = &launch->machine->namespaces;

        return (namespaces->ipc ? CLONE_NEWIPC : 0) | (namespaces->uts ? CLONE_NEWUTS : 0) |
               (namespaces->time ? CLONE_NEWTIME : 0) |
               (network_wants_namespace(launch->network) ? CLONE_NEWNET : 0);
}

/* ---- the maker ---- */

/* Of the maker: the run-time parts of sanitizers take its stack and its errors for the parent's. */
#define MAKER __attribute__((no_sanitize("address", "undefined")))

MAKER static int fail(struct maker *maker, enum maker_step step)
{
        maker->failed = step;
        maker->number = errno;
        return 1;
}

/* Its parent may have died before the death signal was asked for. */
MAKER static bool is_orphan(const struct maker *maker)
{
        return syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
               syscall(SYS_getppid) != maker->parent;
}

/* What a machine without a network has. */
MAKER static int bring_up_loopback(void)
{
        struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
        int fd = (int)syscall(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int r = fd < 0 ? -1 : (int)syscall(SYS_ioctl, fd, SIOCSIFFLAGS, &request);

        if (fd >= 0) {
                (void)syscall(SYS_close, fd);
        }
        return r;
}

/* The body of the maker, and from the clone on that of the first process. */
MAKER static int make(void *data)
{
        struct launch *launch = data;
        struct maker *maker = &launch->maker;
        /* The kernel writes what it made to where the parent finds it, should the maker be killed
         * before it could. */
        struct clone_args arguments = {
                .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_PARENT | CLONE_PIDFD |
                         CLONE_PARENT_SETTID | CLONE_INTO_CGROUP |
                         (launch->machine->namespaces.cgroup ? CLONE_NEWCGROUP : 0),
                .pidfd = (uint64_t)(uintptr_t)&maker->pidfd,
                .parent_tid = (uint64_t)(uintptr_t)&maker->child,
        };
        long pid;

        if (is_orphan(maker) || syscall(SYS_unshare, maker->flags) < 0) {
                return fail(maker, MAKER_NAMESPACES);
        }
        if (launch->machine->network.mode == MACHINE_NETWORK_NONE && bring_up_loopback() < 0) {
                return fail(maker, MAKER_LOOPBACK);
        }
        while (__atomic_load_n(&maker->go, __ATOMIC_ACQUIRE) == 0) {
                (void)syscall(SYS_futex, &maker->go, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
        }
        /* Its working directory is its own, and the first process' is to be the parent's. */
        if (syscall(SYS_fchdir, maker->directory) < 0) {
                return fail(maker, MAKER_CLONE);
        }
        arguments.cgroup = (uint64_t)launch->cgroup.fd;
        pid = syscall(SYS_clone3, &arguments, sizeof arguments);
        if (pid == 0) {
                (void)sigprocmask(SIG_SETMASK, &maker->signals, NULL);
                launch_child(launch);
        }
        return pid < 0 ? fail(maker, MAKER_CLONE) : 0;
}

/* Which sysctl stands in the way of a namespace, by the flag that asks for it. */
static const struct {
        int flag;
        const char *kind;
} kinds[] = {
        { CLONE_NEWNET, "net" },       { CLONE_NEWIPC, "ipc" }, { CLONE_NEWUTS, "uts" },
        { CLONE_NEWTIME, "time" },     { CLONE_NEWNS, "mnt" },  { CLONE_NEWPID, "pid" },
        { CLONE_NEWCGROUP, "cgroup" },
};

static int explain_number(int flags, struct machine_error *error)
{
        error_say(error, ENOSPC, "no further namespace of a kind that the machine needs");
        for (size_t i = 0; i < ELEMENTS_OF(kinds); i++) {
                _cleanup_free_ char *path =
                        string_format("/proc/sys/user/max_%s_namespaces", kinds[i].kind);
                _cleanup_free_ char *text = NULL;

                if ((flags & kinds[i].flag) && path &&
                    file_read(AT_FDCWD, path, 64, &text, NULL) == 0 && atoi(text) == 0) {
                        error_hint(error,
                                   "the sysctl user.max_%s_namespaces is 0: give it a number",
                                   kinds[i].kind);
                        return -ENOSPC;
                }
        }
        error_hint(error, "the sysctls user.max_net_namespaces, user.max_pid_namespaces and the "
                          "like limit how many there are");
        return -ENOSPC;
}

/* Why the kernel refused namespaces, those that the flags name. */
static int explain(const struct launch *launch, int flags, int number, struct machine_error *error)
{
        switch (number) {
        case EPERM:
                /* AppArmor lets a user namespace be made, and takes its capabilities away. */
                return launch_has_user_namespace(launch)
                               ? user_namespace_explain(number, error)
                               : error_set(error, number, "cannot make the machine's namespaces");
        case ENOSYS:
        case EINVAL:
                error_set(error, number, "the kernel refused the machine's namespaces");
                error_hint(error, "Linux 6.1 or newer is needed, with all namespaces built in; "
                                  "machinectl-lite doctor tells what is missing");
                return -number;
        case ENOSPC:
                return explain_number(flags, error);
        default:
                return error_set(error, number, "cannot make the machine's first process");
        }
}

/* Without signals: a handler of the parent's would run in it, too. */
static pid_t start_maker(struct launch *launch)
{
        struct maker *maker = &launch->maker;
        int user = launch_has_user_namespace(launch) ? CLONE_NEWUSER : 0;
        sigset_t all;
        pid_t pid;

        sigfillset(&all);
        (void)sigprocmask(SIG_SETMASK, &all, &maker->signals);
        pid = clone(make, maker->stack + MAKER_STACK_SIZE, CLONE_VM | CLONE_FILES | SIGCHLD | user,
                    launch);
        if (pid < 0) {
                pid = -errno;
        }
        (void)sigprocmask(SIG_SETMASK, &maker->signals, NULL);
        return pid;
}

int launch_set_up_namespaces(struct launch *launch, struct machine_error *error)
{
        struct maker *maker = &launch->maker;
        int r = network_enter(launch->network, error);

        if (r < 0) {
                return r;
        }
        maker->parent = getpid();
        maker->flags = early_flags(launch);
        maker->pid = start_maker(launch);
        r = network_leave(launch->network, error);
        if (maker->pid >= 0) {
                return r;
        }
        return launch_has_user_namespace(launch)
                       ? user_namespace_explain(maker->pid, error)
                       : error_set(error, maker->pid, "cannot make a process");
}

static void reap_maker(struct maker *maker)
{
        while (waitpid(maker->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        maker->pid = 0;
}

int launch_tear_down_namespaces(struct launch *launch, struct machine_error *error)
{
        struct maker *maker = &launch->maker;

        if (maker->pid > 0) {
                (void)kill(maker->pid, SIGKILL);
                reap_maker(maker);
        }
        return 0;
}

int launch_set_up_id_maps(struct launch *launch, struct machine_error *error)
{
        _cleanup_free_ char *path = string_format("/proc/%d/ns/user", launch->maker.pid);
        int r = id_maps_write(launch->maker.pid, &launch->ids.range, error);

        if (r < 0 || !path) {
                return r < 0 ? r : error_oom(error);
        }
        launch->user_namespace = open(path, O_RDONLY | O_CLOEXEC);
        return launch->user_namespace < 0
                       ? error_set(error, errno, "cannot open the machine's user namespace")
                       : 0;
}

/* ---- the clone ---- */

/* Lets the maker clone, and waits for its end, which comes with the clone or without. */
static int clone_by_maker(struct launch *launch, struct machine_error *error)
{
        struct maker *maker = &launch->maker;
        _cleanup_close_ int directory = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (directory < 0) {
                return error_set(error, errno, "cannot open the place of the machine's root");
        }
        maker->directory = directory;
        __atomic_store_n(&maker->go, 1, __ATOMIC_RELEASE);
        (void)syscall(SYS_futex, &maker->go, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        reap_maker(maker);
        if (maker->child > 0) {
                return 0;
        }
        switch (maker->failed) {
        case MAKER_NAMESPACES:
                return explain(launch, maker->flags, maker->number, error);
        case MAKER_CLONE:
                return explain(launch, CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWCGROUP, maker->number,
                               error);
        case MAKER_LOOPBACK:
                return error_set(error, maker->number,
                                 "cannot bring up the machine's loopback interface");
        case MAKER_WAS_KILLED:
                break;
        }
        return error_say(error, ECHILD,
                         "the process that makes the machine's namespaces was killed");
}

int launch_set_up_clone(struct launch *launch, struct machine_error *error)
{
        int r = message_socket_pair(launch->sockets);

        if (r < 0) {
                return error_set(error, r, "cannot make a socket pair");
        }
        r = clone_by_maker(launch, error);
        if (r < 0) {
                return r;
        }
        launch->pid = launch->maker.child;
        launch->pidfd = launch->maker.pidfd;
        launch->sockets[1] = fd_close(launch->sockets[1]);
        if (launch_is_connected(launch)) {
                r = launch_open_network_namespace(launch, error);
        }
        if (r < 0) {
                return r;
        }
        r = process_identify(launch->pid, &launch->record.init);
        return r < 0 ? error_set(error, r, "cannot identify the machine's first process") : 0;
}

int launch_tear_down_clone(struct launch *launch, struct machine_error *error)
{
        if (launch->pid > 0 && !launch->reaped) {
                (void)launch_kill(launch);
                (void)launch_reap(launch);
        }
        return 0;
}
