/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The steps of the first process, each with its words for `explain`; launch/child.c has most of
 * their functions. */

#include "launch/steps.h"

/* Of both rows: it is done early only for what needs the finished network, or the caller. */
#define PROCEED                                                                                    \
        .set_up = launch_step_proceed,                                                             \
        .words = { .what = "Waits until the parent has set the limits and connected the network.", \
                   .calls = "recvmsg",                                                             \
                   .rule = "A read of a socket returns 0 when the other end is closed, also by "   \
                           "the death of its process (unix(7)).",                                  \
                   .without = "The payload could run without limits, or before it has an "         \
                              "address." }

/* The file systems are mounted while the host's /proc is fully visible: without that a user
 * namespace cannot mount its own. Steps that write to /proc precede the one that makes it
 * read-only. */
const struct launch_step launch_child_steps[] = {
        { .name = "identity",
          .set_up = launch_step_identity,
          .words = { .what = "Becomes root of the machine's user namespace, drops the caller's "
                             "groups, and arranges to die with the supervisor.",
                     .calls = "setresgid setresuid setgroups prctl",
                     .rule = "A process in a new user namespace has all capabilities in it, but "
                             "keeps its ids until it changes them; a change clears the death "
                             "signal (prctl(2), PR_SET_PDEATHSIG).",
                     .without = "It could create no file (EOVERFLOW), and a machine would go "
                                "on without its supervisor.",
                     .keys = "user_namespace" } },
        { .name = "session",
          .set_up = launch_step_session,
          .words = { .what = "Leaves the caller's terminal session and keyring.",
                     .calls = "setsid keyctl",
                     .rule = "A process can insert input into its controlling terminal "
                             "(ioctl_tty(2), TIOCSTI), and read keys of its session keyring "
                             "(session-keyring(7)).",
                     .without = "A machine could type commands into the shell that started it." } },
        { .name = "hostname",
          .wanted = launch_wants_names,
          .set_up = launch_step_hostname,
          .words = { .what = "Sets the machine's host name.",
                     .calls = "sethostname",
                     .rule = "The name belongs to the UTS namespace (uts_namespaces(7)).",
                     .without = "The machine would have the host's name, and in the host's "
                                "namespace would change it.",
                     .keys = "hostname domainname namespaces.uts" } },
        { .name = "enter-root",
          .set_up = launch_step_enter,
          .words = { .what = "Attaches a copy of the prepared root's mount, which it may move.",
                     .calls = "open_tree move_mount",
                     .rule = "A mount that came from a more privileged namespace is locked "
                             "(mount_namespaces(7)); pivot_root(2) refuses it with EINVAL.",
                     .without = "The root could not become \"/\".",
                     .places = "/" } },
        { .name = "volumes",
          .wanted = launch_wants_volumes,
          .set_up = launch_step_volumes,
          .words = { .what = "Mounts the volumes that the image declares.",
                     .calls = "openat2 open_tree move_mount",
                     .rule = "What is mounted later covers what is below (mount(2)).",
                     .without = "Data that the image wants kept apart would be written to the "
                                "root's upper layer.",
                     .keys = "image" } },
        { .name = "proc",
          .wanted = launch_wants_facilities,
          .set_up = launch_step_proc,
          .words = { .what = "Mounts /proc.",
                     .calls = "fsopen fsmount move_mount",
                     .rule = "A proc file system shows the PID namespace of the process that "
                             "mounts it. In a user namespace it may be mounted only where the "
                             "existing one is fully visible (user_namespaces(7)).",
                     .without = "ps and /dev/stdin would not work; the host's /proc would show "
                                "the host's processes under wrong pids.",
                     .places = "/proc" } },
        { .name = "sys",
          .wanted = launch_wants_facilities,
          .set_up = launch_step_sys,
          .words = { .what = "Mounts /sys read-only, and /sys/fs/cgroup.",
                     .calls = "fsopen fsmount move_mount",
                     .rule = "sysfs shows the interfaces of the network namespace that mounts it "
                             "(network_namespaces(7)); cgroup2 shows the cgroup namespace's root "
                             "as \"/\" "
                             "(cgroup_namespaces(7)).",
                     .without = "The machine would see the host's interfaces and groups, or could "
                                "write to the host's devices.",
                     .keys = "namespaces.cgroup",
                     .places = "/sys /sys/fs/cgroup" } },
        { .name = "dev",
          .wanted = launch_wants_facilities,
          .set_up = launch_step_dev,
          .words = { .what = "Mounts /dev with six nodes and the devices of the definition, a "
                             "devpts of its own, /dev/shm and /dev/mqueue.",
                     .calls = "open_tree fsopen fsmount move_mount",
                     .rule = "mknod(2) of a device needs CAP_MKNOD in the host's user namespace, "
                             "so the parent made the nodes. Every mount of devpts is an instance "
                             "of its own (since Linux 4.7).",
                     .without = "Programs that open /dev/null would fail, or the machine would "
                                "see the host's disks and terminals.",
                     .keys = "devices",
                     .places = "/dev" } },
        { .name = "boot-directories",
          .wanted = launch_wants_boot,
          .set_up = launch_step_boot,
          .words = { .what = "Mounts an empty tmpfs on /run and on /tmp.",
                     .calls = "fsopen fsmount move_mount",
                     .rule = "A tmpfs is in memory, and empty when it is mounted (tmpfs(5)).",
                     .without = "A service manager would find sockets and pid files of its last "
                                "run.",
                     .keys = "boot",
                     .places = "/run /tmp" } },
        { .name = "mounts",
          .set_up = launch_step_mounts,
          .words = { .what = "Mounts what the definition lists, in its order.",
                     .calls = "openat2 open_tree move_mount",
                     .rule = "openat2(2) with RESOLVE_IN_ROOT follows a symbolic link within the "
                             "given root.",
                     .without = "A link /data -> /etc in the root, followed by an ordinary "
                                "mount(2), would put the mount on the host's /etc.",
                     .keys = "mounts" } },
        { .name = "run-host",
          .wanted = launch_wants_facilities,
          .set_up = launch_step_host,
          .words = { .what = "Mounts /run/host, read-only: what the machine may know of its host.",
                     .calls = "open_tree move_mount",
                     .rule = "systemd's Container Interface defines its files.",
                     .without = "Programs could not find out that they run in a container, nor "
                                "receive credentials.",
                     .places = "/run/host" } },
        { .name = "user",
          .set_up = launch_step_user,
          .words = { .what = "Looks up the payload's user and groups in the machine's own "
                             "/etc/passwd and /etc/group.",
                     .calls = "openat2",
                     .rule = "The kernel knows ids only; names come from files (passwd(5)).",
                     .without = "The name would be looked up on the host, where it may have "
                                "another id.",
                     .keys = "user groups" } },
        { .name = "terminal",
          .wanted = launch_wants_terminal,
          .set_up = launch_step_terminal,
          .words = { .what = "Opens a terminal in the machine's devpts, and sends its master side "
                             "to the supervisor.",
                     .calls = "ioctl sendmsg",
                     .rule = "A descriptor can be sent over a Unix socket (SCM_RIGHTS, unix(7)).",
                     .without = "tty(1) would name a terminal that does not exist in the machine, "
                                "or the machine would hold the host's.",
                     .keys = "terminal",
                     .places = "/dev/console" } },
        { .name = "credentials",
          .wanted = launch_wants_credentials,
          .set_up = launch_step_credentials,
          .words = { .what = "Writes credentials to a file system in memory that only the "
                             "payload's user can read.",
                     .calls = "fsopen fsmount mount_setattr move_mount",
                     .rule = "A ramfs is never swapped out; a tmpfs can be (tmpfs(5)).",
                     .without = "Secrets would be in the environment, which every child inherits, "
                                "or in a file on disk.",
                     .keys = "credentials",
                     .places = "/run/host/credentials" } },
        { .name = "files",
          .wanted = launch_wants_facilities,
          .set_up = launch_step_files,
          .words = { .what = "Mounts the machine's hosts, resolv.conf and hostname, localtime and "
                             "machine-id over those in /etc.",
                     .calls = "openat2 open_tree move_mount",
                     .rule = "A file can be mounted on a file (mount(2), MS_BIND); the file below "
                             "stays as it is.",
                     .without = "Names would not be resolved, or the root would have to be "
                                "changed for each start.",
                     .keys = "network.dns network.search network.hosts hostname timezone "
                             "machine_id",
                     .places = "/etc" } },
        { .name = "image-directory",
          .wanted = launch_wants_directory,
          .set_up = launch_step_directory,
          .words = { .what = "Creates the working directory that the image names, if it is "
                             "missing.",
                     .calls = "openat2",
                     .rule = "chdir(2) fails with ENOENT for a directory that does not exist.",
                     .without = "An image whose layers lack the directory would not start.",
                     .keys = "working_directory" } },
        { .name = "payload-process",
          .wanted = launch_wants_payload_process,
          .set_up = launch_begin_payload,
          .words = { .what = "Creates the process that becomes the payload, beside this one, which "
                             "stays as PID 1.",
                     .calls = "clone3",
                     .rule = "PID 1 gets no signal that it has no handler for, except SIGKILL "
                             "and SIGSTOP from outside, and becomes the parent of orphans "
                             "(pid_namespaces(7)).",
                     .without = "Most programs, run as PID 1, would ignore SIGTERM and collect "
                                "zombies.",
                     .keys = "init" } },
        /* Sysctls may name the machine's interfaces. */
        { .name = "proceed", .wanted = launch_wants_early_proceed, PROCEED },
        { .name = "sysctl",
          .wanted = launch_wants_sysctls,
          .set_up = launch_step_sysctl,
          .words = { .what = "Writes kernel parameters of the machine's own namespaces.",
                     .calls = "openat2 write",
                     .rule = "Of /proc/sys, net belongs to the network namespace, and parts of "
                             "kernel and fs/mqueue to the IPC namespace; all other parameters "
                             "are the host's.",
                     .without = "A database could not get its shared memory, or a machine would "
                                "change the host.",
                     .keys = "sysctl" } },
        { .name = "inside",
          .wanted = launch_wants_inside,
          .set_up = launch_step_inside,
          .words = { .what = "Runs the bundle's hooks that belong in the container's namespaces.",
                     .calls = "clone3 execve",
                     .rule = "They run before pivot_root(2) (OCI runtime specification, "
                             "\"Hooks\").",
                     .without = "Callers could not add mounts." } },
        { .name = "protect",
          .set_up = launch_step_protect,
          .words = { .what = "Covers files of /proc and /sys that tell or change something of the "
                             "host, and makes /proc/sys read-only.",
                     .calls = "open_tree mount_setattr move_mount",
                     .rule = "Much of /proc and /sys belongs to no namespace: the kernel shows "
                             "all processes the same.",
                     .without = "/proc/sysrq-trigger would reboot the host for a machine without "
                                "a user namespace; /proc/keys and interrupt counts would reveal "
                                "what others do.",
                     .keys = "masked_paths read_only_paths",
                     .places = "/proc/ /sys/" } },
        { .name = "pivot",
          .set_up = launch_step_pivot,
          .words = { .what = "Makes the root \"/\" and unmounts the host's file systems.",
                     .calls = "fchdir pivot_root umount2",
                     .rule = "pivot_root(2) replaces the root of the whole mount namespace, so "
                             "that the old one can be unmounted; chroot(2) only changes where a "
                             "process' paths begin.",
                     .without = "Root in a chroot with CAP_SYS_CHROOT gets out with a second "
                                "chroot(2) and \"..\"; the host's mounts would still be there.",
                     .keys = "read_only",
                     .places = "/" } },
        { .name = "proceed", .wanted = launch_wants_late_proceed, PROCEED },
        /* The parent has given the streams to the machine's root. */
        { .name = "streams-of-user",
          .wanted = launch_wants_pipes_of_user,
          .set_up = launch_step_streams,
          .words = { .what = "Gives pipes on standard input and output to the payload's user.",
                     .calls = "fstat fchown",
                     .rule = "Opening /dev/stdout opens the pipe anew, with a check of its owner "
                             "and mode (proc(5)).",
                     .without = "A service that logs to /dev/stdout would fail with EACCES once "
                                "it is not root.",
                     .keys = "user" } },
        { .name = "abstract-sockets",
          .wanted = launch_wants_closed_sockets,
          .set_up = launch_step_sockets,
          .words = { .what = "Closes abstract Unix sockets of the host to the machine.",
                     .calls = "landlock_create_ruleset landlock_restrict_self",
                     .rule = "Abstract sockets belong to the network namespace and have no "
                             "permissions (unix(7)); Landlock can restrict them since Linux "
                             "6.12 (landlock(7)).",
                     .without = "A machine in the host's network, which has the user's own id, "
                                "could use the sockets of the user's desktop.",
                     .keys = "network.mode" } },
        { .name = "init",
          .set_up = launch_become_init,
          .words = { .what = "Becomes machine-init, PID 1 of the machine; the payload's process "
                             "drops its capabilities, installs the filter, and executes the "
                             "command.",
                     .calls = "capset prctl seccomp execve",
                     .rule = "A filter can be installed without CAP_SYS_ADMIN only with "
                             "no_new_privs, and stays across execve(2) (seccomp(2)). A "
                             "capability dropped from the bounding set never comes back "
                             "(capabilities(7)).",
                     .without = "The payload would run with all rights over its namespaces, and "
                                "every system call of the kernel would be open to it.",
                     .keys = "command arguments boot init user "
                             "working_directory " LAUNCH_PROCESS_LIMITS " "
                             "capabilities seccomp no_new_privileges apparmor selinux" } },
        { 0 },
};
