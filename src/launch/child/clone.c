/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The machine's namespaces, and its first process in them.
 *
 * Creating a network namespace takes the kernel half a millisecond, as long as the parent needs for
 * all file systems. So a separate process, the maker, creates the namespaces on another processor
 * in the meantime: user, network (with its loopback), ipc, uts, time. When the parent is ready, the
 * maker creates the first process with a single clone3(2) that adds the other namespaces and the
 * control group, and exits. With CLONE_PARENT that process is a child of the parent, not of the
 * maker.
 *
 * The maker shares memory and descriptors with the parent: copying its page tables would cost as
 * much as is saved, and the first process needs everything the parent has set up since. Since both
 * run in the same memory at the same time, the maker only makes system calls, and writes only to
 * its own stack, to `struct maker` and, if a call fails, to errno, by which time the start has
 * failed. The parent waits while the maker clones, so that the first process gets a consistent
 * copy.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/file.h"
#include "base/rights/caller.h"
#include "base/strings.h"
#include "launch/context.h"
#include "launch/init/message.h"
#include "launch/parent/network.h"
#include "launch/steps.h"

/* Most namespaces are created in advance. The others depend on the first process: its mounts are a
 * copy of the staged ones, its pid namespace starts with it, its cgroup namespace is rooted at the
 * group that it enters. */
static const struct {
        enum machine_namespace kind;
        int flag;
        bool late;
} bare_flags[] = {
        { MACHINE_NAMESPACE_NETWORK, CLONE_NEWNET, false },
        { MACHINE_NAMESPACE_IPC, CLONE_NEWIPC, false },
        { MACHINE_NAMESPACE_UTS, CLONE_NEWUTS, false },
        { MACHINE_NAMESPACE_TIME, CLONE_NEWTIME, false },
        { MACHINE_NAMESPACE_PID, CLONE_NEWPID, true },
        { MACHINE_NAMESPACE_CGROUP, CLONE_NEWCGROUP, true },
};

static int flags_of_bare(const struct launch *launch, bool late)
{
        int flags = 0;

        for (size_t i = 0; i < ELEMENTS_OF(bare_flags); i++) {
                if (bare_flags[i].late == late &&
                    launch_given(launch, bare_flags[i].kind) == MACHINE_NAMESPACE_NEW) {
                        flags |= bare_flags[i].flag;
                }
        }
        return flags;
}

static int late_flags(const struct launch *launch)
{
        return CLONE_NEWNS |
               (launch->machine->bare
                        ? flags_of_bare(launch, true)
                        : CLONE_NEWPID |
                                  (launch->machine->namespaces.cgroup ? CLONE_NEWCGROUP : 0));
}

static int early_flags(const struct launch *launch)
{
        const struct machine_namespaces *namespaces = &launch->machine->namespaces;

        if (launch->machine->bare) {
                return flags_of_bare(launch, false);
        }
        return (namespaces->ipc && launch->pod.ipc < 0 ? CLONE_NEWIPC : 0) |
               (namespaces->uts && launch->pod.uts < 0 ? CLONE_NEWUTS : 0) |
               (namespaces->time ? CLONE_NEWTIME : 0) |
               (network_wants_namespace(launch->network) ? CLONE_NEWNET : 0);
}

/* ---- the maker ---- */

/* For the maker's functions: sanitizers would mistake its stack and its errors for the parent's. */
#define MAKER __attribute__((no_sanitize("address", "undefined")))

MAKER static int fail(struct maker *maker, enum maker_step step)
{
        maker->failed = step;
        maker->number = errno;
        return 1;
}

/* The parent may have died before the death signal was set. */
MAKER static bool is_orphan(const struct maker *maker)
{
        return syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
               syscall(SYS_getppid) != maker->parent;
}

/* Brings up the loopback interface, the only one of a machine without a network. */
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

/* Before the first process enters the time namespace (time_namespaces(7)). */
MAKER static int set_clocks(const struct maker *maker)
{
        size_t length = 0;
        int fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/timens_offsets",
                              O_WRONLY | O_CLOEXEC, 0);
        long r;

        while (maker->clocks[length]) {
                length++;
        }
        r = fd < 0 ? -1 : syscall(SYS_write, fd, maker->clocks, length);
        if (fd >= 0) {
                (void)syscall(SYS_close, fd);
        }
        return r < 0 ? -1 : 0;
}

/* Only a process of the user's namespace may join a network of his, so the machine's own user
 * namespace comes afterwards. */
MAKER static int join_network(struct maker *maker)
{
        if (syscall(SYS_setns, maker->network, CLONE_NEWNET) < 0 ||
            (maker->unshares_user && syscall(SYS_unshare, CLONE_NEWUSER) < 0)) {
                return -1;
        }
        __atomic_store_n(&maker->joined, 1, __ATOMIC_RELEASE);
        (void)syscall(SYS_futex, &maker->joined, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        return 0;
}

/* The body of the maker and, from the clone on, of the first process. */
MAKER static int make(void *data)
{
        struct launch *launch = data;
        struct maker *maker = &launch->maker;
        /* The kernel writes the pid to where the parent finds it, even if the maker is killed. */
        struct clone_args arguments = {
                .flags = CLONE_PARENT | CLONE_PIDFD | CLONE_PARENT_SETTID |
                         (uint64_t)maker->late_flags,
                .pidfd = (uint64_t)(uintptr_t)&maker->pidfd,
                .parent_tid = (uint64_t)(uintptr_t)&maker->child,
        };
        long pid;

        if (is_orphan(maker) || (maker->network >= 0 && join_network(maker) < 0) ||
            (maker->pid_namespace >= 0 &&
             syscall(SYS_setns, maker->pid_namespace, CLONE_NEWPID) < 0) ||
            (maker->user_namespace >= 0 &&
             syscall(SYS_setns, maker->user_namespace, CLONE_NEWUSER) < 0) ||
            (maker->ipc >= 0 && syscall(SYS_setns, maker->ipc, CLONE_NEWIPC) < 0) ||
            (maker->uts >= 0 && syscall(SYS_setns, maker->uts, CLONE_NEWUTS) < 0) ||
            syscall(SYS_unshare, maker->flags) < 0) {
                return fail(maker, MAKER_NAMESPACES);
        }
        if (maker->clocks[0] && set_clocks(maker) < 0) {
                return fail(maker, MAKER_CLOCKS);
        }
        if ((launch->machine->bare || launch->machine->network.mode == MACHINE_NETWORK_NONE) &&
            (maker->flags & CLONE_NEWNET) && bring_up_loopback() < 0) {
                return fail(maker, MAKER_LOOPBACK);
        }
        /* In the descriptors that the parent shares. */
        if (maker->opens_network) {
                maker->network_namespace = (int)syscall(
                        SYS_openat, AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC, 0);
        }
        while (__atomic_load_n(&maker->go, __ATOMIC_ACQUIRE) == 0) {
                (void)syscall(SYS_futex, &maker->go, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
        }
        /* The maker has its own working directory, the first process gets the parent's. */
        if (syscall(SYS_fchdir, maker->directory) < 0) {
                return fail(maker, MAKER_CLONE);
        }
        /* Without a group of its own a container stays in the caller's. */
        if (launch->cgroup.fd >= 0) {
                arguments.flags |= CLONE_INTO_CGROUP;
                arguments.cgroup = (uint64_t)launch->cgroup.fd;
        }
        pid = syscall(SYS_clone3, &arguments, sizeof arguments);
        if (pid == 0) {
                (void)sigprocmask(SIG_SETMASK, &maker->signals, NULL);
                launch_child(launch);
        }
        return pid < 0 ? fail(maker, MAKER_CLONE) : 0;
}

/* The sysctl that limits the namespaces of each flag. */
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
        error_say(error, ENOSPC, "the limit on namespaces is reached");
        for (size_t i = 0; i < ELEMENTS_OF(kinds); i++) {
                _cleanup_free_ char *path =
                        string_format("/proc/sys/user/max_%s_namespaces", kinds[i].kind);
                _cleanup_free_ char *text = NULL;

                if ((flags & kinds[i].flag) && path &&
                    file_read(AT_FDCWD, path, 64, &text, NULL) == 0 && atoi(text) == 0) {
                        error_hint(error, "the sysctl user.max_%s_namespaces is 0: increase it",
                                   kinds[i].kind);
                        return -ENOSPC;
                }
        }
        error_hint(error, "the sysctls user.max_*_namespaces, such as user.max_net_namespaces, "
                          "limit their number");
        return -ENOSPC;
}

/* Reports why the kernel refused the namespaces in the flags. */
static int explain(const struct launch *launch, int flags, int number, struct machine_error *error)
{
        switch (number) {
        case EPERM:
                /* AppArmor allows creating a user namespace, but removes its capabilities. */
                return launch_has_user_namespace(launch)
                               ? user_namespace_explain(number, error)
                               : error_set(error, number, "cannot create the machine's namespaces");
        case ENOSYS:
        case EINVAL:
                error_set(error, number, "the kernel refused the machine's namespaces");
                error_hint(error, "Linux 6.1 or newer with all namespaces enabled is required; "
                                  "machinectl-lite doctor reports what is missing");
                return -number;
        case ENOSPC:
                return explain_number(flags, error);
        default:
                return error_set(error, number, "cannot create the machine's first process");
        }
}

/* Signals are blocked: the parent's handlers would also run in the maker. */
static pid_t start_maker(struct launch *launch)
{
        struct maker *maker = &launch->maker;
        bool makes = launch_has_user_namespace(launch) && maker->user_namespace < 0;
        int user = makes && maker->network < 0 ? CLONE_NEWUSER : 0;
        sigset_t all;
        pid_t pid;

        maker->unshares_user = makes && maker->network >= 0;
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

/* A pod's is that of its members. A network that other machines kept alive belongs to the user
 * namespace of the machine's last run. That can be reused, because nothing else of that run is left
 * in it. */
static int join_user_namespace(struct launch *launch, struct machine_error *error)
{
        int fd = launch->pod.user >= 0 ? fcntl(launch->pod.user, F_DUPFD_CLOEXEC, 3)
                 : !launch->network    ? -ENOENT
                                       : network_open_user_namespace(launch->network);

        if (fd < 0) {
                return fd == -ENOENT ? 0
                                     : error_set(error, fd,
                                                 "cannot open the user namespace that owns the "
                                                 "machine's network");
        }
        launch->user_namespace = fd;
        return 0;
}

static void format_clocks(const struct machine_namespaces *namespaces, char text[static 128])
{
        const struct {
                const char *name;
                const struct machine_time_offset *offset;
        } clocks[] = {
                { "monotonic", &namespaces->monotonic },
                { "boottime", &namespaces->boottime },
        };
        int length = 0;

        for (size_t i = 0; i < ELEMENTS_OF(clocks); i++) {
                if (clocks[i].offset->set) {
                        length +=
                                snprintf(text + length, 128 - (size_t)length,
                                         "%s %" PRId64 " %" PRIu32 "\n", clocks[i].name,
                                         clocks[i].offset->seconds, clocks[i].offset->nanoseconds);
                }
        }
}

/* Waits until the maker's user namespace is the machine's, whose maps are written next. */
static int await_join(struct launch *launch, struct machine_error *error)
{
        const struct timespec interval = { .tv_nsec = 20 * 1000 * 1000 };
        struct maker *maker = &launch->maker;

        while (__atomic_load_n(&maker->joined, __ATOMIC_ACQUIRE) == 0) {
                siginfo_t ended = { 0 };

                (void)syscall(SYS_futex, &maker->joined, FUTEX_WAIT_PRIVATE, 0, &interval, NULL, 0);
                if (waitid(P_PID, (id_t)maker->pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                    ended.si_pid != 0) {
                        return error_set(error, maker->number > 0 ? maker->number : ECHILD,
                                         "cannot enter the network namespace to share");
                }
        }
        return 0;
}

int launch_set_up_namespaces(struct launch *launch, struct machine_error *error)
{
        struct maker *maker = &launch->maker;
        bool inside = caller_is_inside();
        int r = join_user_namespace(launch, error);

        if (r == 0 && !inside) {
                r = network_enter(launch->network, error);
        }
        if (r == 0) {
                r = launch_join_namespaces(launch, error);
        }
        if (r < 0) {
                return r;
        }
        maker->opens_network = launch->by_user && launch_is_connected(launch);
        maker->network = inside ? network_to_join(launch->network) : -EBADF;
        maker->parent = getpid();
        format_clocks(&launch->machine->namespaces, maker->clocks);
        maker->flags = early_flags(launch);
        maker->late_flags = late_flags(launch);
        maker->user_namespace = launch->user_namespace;
        maker->ipc = launch->pod.ipc;
        maker->uts = launch->pod.uts;
        maker->pid = start_maker(launch);
        r = network_leave(launch->network, error);
        if (r == 0) {
                r = launch_leave_namespaces(launch, error);
        }
        if (maker->pid >= 0) {
                return r < 0 || maker->network < 0 ? r : await_join(launch, error);
        }
        return launch_has_user_namespace(launch)
                       ? user_namespace_explain(maker->pid, error)
                       : error_set(error, maker->pid, "cannot create a process");
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

        (void)launch_leave_namespaces(launch, NULL);
        if (maker->pid > 0) {
                (void)kill(maker->pid, SIGKILL);
                reap_maker(maker);
        }
        maker->network_namespace = fd_close(maker->network_namespace);
        return 0;
}

static int map_ids(struct launch *launch, struct machine_error *error)
{
        _cleanup_free_ char *path = string_format("/proc/%d/ns/user", launch->maker.pid);
        int r = launch->machine->bare
                        ? id_maps_write_lines(launch->maker.pid, &launch->machine->namespaces.maps,
                                              error)
                        : launch_write_id_maps(launch, error);

        if (r < 0 || !path) {
                return r < 0 ? r : error_oom(error);
        }
        launch->user_namespace = open(path, O_RDONLY | O_CLOEXEC);
        return launch->user_namespace < 0
                       ? error_set(error, errno, "cannot open the machine's user namespace")
                       : 0;
}

int launch_set_up_id_maps(struct launch *launch, struct machine_error *error)
{
        /* A joined namespace already has its maps. */
        return launch->user_namespace >= 0 ? 0 : map_ids(launch, error);
}

/* ---- the clone ---- */

/* Lets the maker clone and waits for it to exit, whether it succeeds or not. */
static int clone_by_maker(struct launch *launch, struct machine_error *error)
{
        struct maker *maker = &launch->maker;
        _cleanup_close_ int directory = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (directory < 0) {
                return error_set(error, errno, "cannot open the directory of the machine's root");
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
                return explain(launch, maker->late_flags, maker->number, error);
        case MAKER_CLOCKS:
                return error_set(error, maker->number, "linux.timeOffsets: cannot set the clocks");
        case MAKER_LOOPBACK:
                return error_set(error, maker->number,
                                 "cannot bring up the machine's loopback interface");
        case MAKER_WAS_KILLED:
                break;
        }
        return error_say(error, ECHILD,
                         "the process that creates the machine's namespaces was killed");
}

/* A supervisor in the background has time, and the user of a terminal sees its last output. */
static bool reports_status(const struct launch *launch)
{
        return launch->machine->process.init && !launch->machine->process.boot &&
               !launch->options.background && !launch->options.terminal &&
               !launch->options.rehearsal && !launch_is_container(launch);
}

int launch_set_up_clone(struct launch *launch, struct machine_error *error)
{
        int r = message_socket_pair(launch->sockets);

        if (r < 0) {
                return error_set(error, r, "cannot create a socket pair");
        }
        if (reports_status(launch)) {
                launch->status_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
                if (launch->status_event < 0) {
                        return error_set(error, errno, "cannot create an event descriptor");
                }
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

/* A process of another parent. */
static void wait_for_end(int pidfd)
{
        struct pollfd process = { .fd = pidfd, .events = POLLIN };

        while (poll(&process, 1, -1) < 0 && errno == EINTR) {
        }
}

int launch_tear_down_clone(struct launch *launch, struct machine_error *error)
{
        if (launch->pid > 0 && !launch->reaped) {
                (void)launch_kill(launch);
                if (launch->inherited) {
                        wait_for_end(launch->pidfd);
                } else {
                        (void)launch_reap(launch);
                }
        }
        return 0;
}
