/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The steps of the parent, each with its words for `explain`; launch/parent.c has most of their
 * functions. */

#include "launch/steps.h"
#include "launch/parent/image.h"
#include "launch/parent/network.h"

const struct launch_step launch_parent_steps[] = {
        { .name = "rehearsal",
          .wanted = launch_is_rehearsal,
          .set_up = launch_set_up_rehearsal,
          .words = { .what = "Prepares a trial start, which leaves no trace: no lock, no record.",
                     .calls = "openat",
                     .rule = "A running machine holds the lock on its record (flock(2)); a trial "
                             "beside it must not wait for it.",
                     .without = "`restart` would stop a machine that cannot start again." } },
        { .name = "state",
          .wanted = launch_is_in_earnest,
          .set_up = launch_set_up_state,
          .tear_down = launch_tear_down_state,
          .words = { .what = "Locks the machine's name, cleans up after a start that was killed, "
                             "and begins a record of everything that has to be undone later.",
                     .calls = "openat flock",
                     .rule = "The kernel releases a lock of flock(2) when its last descriptor is "
                             "closed, even if the process is killed. A pid can be used again; a "
                             "pid with its start time cannot (proc(5), field 22).",
                     .without = "Two starts at once would use the same root, and a machine whose "
                                "supervisor was killed would leave its parts on the host." } },
        { .name = "container",
          .wanted = launch_is_container,
          .set_up = launch_set_up_container,
          .tear_down = launch_tear_down_container,
          .words = { .what = "Records the container under its id, and creates the socket on which "
                             "its first process will wait.",
                     .calls = "socket bind listen",
                     .rule = "A Unix socket is found by its path, of at most 107 bytes (unix(7)), "
                             "by any process that may write to it.",
                     .without = "`machine-oci start`, another process, could not tell the "
                                "container to go on." } },
        { .name = "notify-directory",
          .wanted = launch_wants_notify_directory,
          .set_up = launch_set_up_notify_directory,
          .words = { .what = "Gives the container the directory of the socket on which its program "
                             "reports that it is ready.",
                     .calls = "mkdirat",
                     .rule = "sd_notify(3) sends a datagram to the path in NOTIFY_SOCKET, which "
                             "the program must find in its own root.",
                     .without = "The caller's path does not exist in the container, and the unit "
                                "would wait for readiness until its timeout." } },
        { .name = "pod",
          .wanted = launch_holds_pod,
          .set_up = launch_set_up_pod,
          .words = { .what = "Gives a pod its root, an empty directory with one program, which "
                             "waits until the pod is stopped.",
                     .calls = "mkdir",
                     .rule = "A namespace exists as long as a process is in it (namespaces(7)).",
                     .without = "The members' namespaces would end with the last member that "
                                "runs." } },
        { .name = "join-pod",
          .wanted = launch_joins_pod,
          .set_up = launch_join_pod,
          .tear_down = launch_leave_pod,
          .words = { .what = "Opens the namespaces of the machine's pod, and takes over its ids "
                             "and its host name.",
                     .calls = "openat pidfd_open",
                     .rule = "Whoever is in the user namespace that owns a namespace can join it "
                             "(setns(2)).",
                     .without = "The members of the pod could neither reach each other by "
                                "127.0.0.1 nor share memory.",
                     .keys = "pod" } },
        { .name = "trees",
          .wanted = launch_wants_trees,
          .set_up = launch_set_up_trees,
          .tear_down = launch_tear_down_trees,
          .words = { .what = "Locks the host's directories that make up the root: shared by those "
                             "that only read, alone if the machine writes to it.",
                     .calls = "openat fcntl",
                     .rule = "Changing a directory while an overlay uses it has undefined results "
                             "(the kernel's overlayfs.rst, \"Changes to underlying filesystems\").",
                     .without = "Two machines could write to the same directory, or one could "
                                "write to what another one uses as a layer.",
                     .keys = "rootfs overlay image upper" } },
        { .name = "volumes",
          .wanted = launch_wants_named_volumes,
          .set_up = launch_set_up_volumes,
          .tear_down = launch_tear_down_volumes,
          .words = { .what = "Makes the directories of volumes that do not exist, locks them, and "
                             "sets the limits of their sizes.",
                     .calls = "openat mkdir fcntl quotactl_fd",
                     .rule = "A volume has one writer or any number of readers; the size is a "
                             "project quota of the file system (quotactl(2)).",
                     .without = "Two machines could write to the same data, and the volume would "
                                "have no place on the host.",
                     .keys = "mounts" } },
        { .name = "image",
          .wanted = launch_wants_image,
          .set_up = launch_set_up_image,
          .tear_down = launch_tear_down_image,
          .words = { .what = "Finds the image in the store, pulls it if it is missing, and takes "
                             "over what its configuration says: command, user, environment.",
                     .calls = "openat flock",
                     .rule = "An image is named by the SHA-256 digest of its manifest, which "
                             "contains the digests of its layers (OCI image specification).",
                     .without = "There would be no root to start from; and without the lock, "
                                "`prune` could remove the layers of a running machine.",
                     .keys = "image pull" } },
        { .name = "id-range",
          .wanted = launch_wants_id_range,
          .set_up = launch_set_up_id_range,
          .tear_down = launch_tear_down_id_range,
          .words = { .what = "Chooses the host's user ids that the machine's ids stand for, such "
                             "as 524288 to 589823 for 0 to 65535.",
                     .calls = "openat fcntl pwrite64",
                     .rule = "Permissions of files and signals are checked with the host's ids, "
                             "whatever a user namespace shows (user_namespaces(7)).",
                     .without = "Root of the machine would be root of the host; with a range that "
                                "others use, one machine could signal another's processes.",
                     .keys = "user_namespace" } },
        { .name = "network",
          .wanted = launch_is_not_bare,
          .set_up = launch_set_up_network,
          .tear_down = launch_tear_down_network,
          .leaves = launch_is_connected,
          .collect = launch_collect_network,
          .words = { .what = "Reserves the machine's address and the published ports, before "
                             "anything is created that would have to be undone.",
                     .calls = "flock socket bind sendmsg recvmsg",
                     .rule = "Without SO_REUSEPORT, one socket may be bound to a port of an "
                             "address (bind(2), EADDRINUSE).",
                     .without = "A port in use would be found out when the machine is half "
                                "started, and two machines could get the same address.",
                     .keys = "network ports hosts" } },
        /* Early, because the kernel needs longest for them; but a network that other machines kept
         * alive comes with its namespaces. */
        { .name = "mount-namespace",
          .set_up = launch_set_up_mount_namespace,
          .tear_down = launch_leave_mount_namespace,
          .words = { .what = "Moves this process to a copy of the host's mount table, in which the "
                             "root is prepared.",
                     .calls = "unshare mount",
                     .rule = "Mounts belong to a mount namespace. As a slave it receives the "
                             "host's mounts but sends none back (mount_namespaces(7)), and with "
                             "its last process all its mounts are gone.",
                     .without = "The host's mount table would show every layer of the machine, "
                                "and keep them if this process is killed." } },
        { .name = "namespaces",
          .set_up = launch_set_up_namespaces,
          .tear_down = launch_tear_down_namespaces,
          .words = { .what = "A short-lived process, the maker, creates the user, network, IPC, "
                             "UTS and time namespaces that the machine gets, while this one "
                             "prepares the root.",
                     .calls = "clone unshare",
                     .rule = "A namespace is owned by the user namespace of the process that "
                             "creates it; only capabilities in that one count for it "
                             "(namespaces(7)).",
                     .without = "The machine would share interfaces, shared memory and host name "
                                "with the host; and a network created first would belong to the "
                                "host's root, who alone could configure it.",
                     .keys = "user_namespace namespaces network.mode" } },
        { .name = "privileges",
          .set_up = launch_set_up_privileges,
          .words = { .what = "Computes the capabilities and the system call filter from the "
                             "definition; nothing is applied yet.",
                     .calls = "prctl",
                     .rule = "Root is divided into capabilities, one for each kind of right "
                             "(capabilities(7)); a filter is a program that the kernel runs at "
                             "each system call (seccomp(2)).",
                     .without = "A misspelled capability would be noticed when the machine is "
                                "half started.",
                     .keys = "capabilities seccomp no_new_privileges apparmor selinux sysctl" } },
        { .name = "agent",
          .wanted = launch_wants_agent,
          .set_up = launch_set_up_agent,
          .words = { .what = "Connects to the agent that will answer some system calls of the "
                             "container.",
                     .calls = "socket connect",
                     .rule = "A filter can pass a call to a process that holds its descriptor "
                             "(seccomp_unotify(2)).",
                     .without = "Calls that the filter passes on would fail with ENOSYS, as they "
                                "do when nobody listens." } },
        { .name = "environment",
          .set_up = launch_set_up_environment,
          .words = { .what = "Reads the files of environment variables.",
                     .calls = "openat",
                     .rule = "execve(2) passes on exactly the environment that it is given.",
                     .without = "The payload would get the variables of whoever starts it, "
                                "passwords among them.",
                     .keys = "environment environment_files machine_id" } },
        /* The cgroup tree is found before anything is mounted that could be mistaken for it. */
        { .name = "cgroup",
          .wanted = launch_has_group_of_own,
          .set_up = launch_set_up_cgroup,
          .tear_down = launch_tear_down_cgroup,
          .collect = launch_collect_cgroup,
          .words = { .what = "Creates the machine's control group.",
                     .calls = "mkdir flock",
                     .rule = "A directory of the cgroup2 file system is a group; what its "
                             "processes use is counted and limited together (cgroups(7)). A "
                             "group with processes may not have controllers for groups below it, "
                             "so the payload gets one of its own.",
                     .without = "There would be no limit, no statistics, and no way to kill all "
                                "processes at once." } },
        { .name = "members-group",
          .wanted = launch_limits_members,
          .set_up = launch_set_up_members_group,
          .tear_down = launch_tear_down_members_group,
          .collect = launch_collect_members_group,
          .words = { .what = "Creates the control group of all members of the pod, with the pod's "
                             "limits.",
                     .calls = "mkdir",
                     .rule = "What a group limits, all groups below it have together (cgroups(7)).",
                     .without = "Each member would be limited alone, and all of them together not "
                                "at all.",
                     .keys = "limits" } },
        { .name = "group",
          .wanted = launch_wants_group,
          .set_up = launch_set_up_group,
          .tear_down = launch_tear_down_cgroup,
          .collect = launch_collect_group,
          .words = { .what = "Creates the control group at the place that the bundle names.",
                     .calls = "mkdir",
                     .rule = "A directory of the cgroup2 file system is a group (cgroups(7)).",
                     .without = "The caller would find no group with the container's "
                                "statistics." } },
        { .name = "scope",
          .wanted = launch_wants_scope,
          .set_up = launch_set_up_scope,
          .tear_down = launch_tear_down_cgroup,
          .collect = launch_collect_group,
          .words = { .what = "Asks systemd for a scope, whose control group is the container's.",
                     .calls = "connect sendmsg",
                     .rule = "Groups have one writer: below its own tree systemd allows others "
                             "only in units with Delegate= (systemd's CGROUP_DELEGATION.md).",
                     .without = "systemd could remove or move the group." } },
        { .name = "id-maps",
          .wanted = launch_wants_user_namespace,
          .set_up = launch_set_up_id_maps,
          .words = { .what = "Writes which ids of the host the ids of the machine stand for.",
                     .calls = "openat write",
                     .rule = "A map can be written once, by a process with CAP_SETUID in the "
                             "parent user namespace (user_namespaces(7), \"Defining user and "
                             "group ID mappings\").",
                     .without = "Every id in the machine would be shown as 65534, and "
                                "setresuid(0, 0, 0) would fail with EINVAL.",
                     .keys = "user_namespace" } },
        { .name = "init-program",
          .set_up = launch_set_up_init_program,
          .words = { .what = "Prepares machine-init, the machine's PID 1: a copy of this process "
                             "where that is safe, otherwise the program through a read-only "
                             "mount.",
                     .calls = "open_tree mount_setattr",
                     .rule = "/proc/PID/exe of a process gives access to the file that it "
                             "executes (proc(5)).",
                     .without = "A payload could write to the host's program through its PID 1 "
                                "(the kind of CVE-2019-5736).",
                     .keys = "init boot" } },
        { .name = "root",
          .set_up = launch_set_up_root,
          .tear_down = launch_tear_down_root,
          .words = { .what = "Mounts the root and what goes into it on a scratch file system: the "
                             "overlay of the layers, volumes, mounts, devices, /run/host.",
                     .calls = "fsopen fsconfig fsmount open_tree mount_setattr move_mount mkdirat "
                              "mknodat setfsuid",
                     .rule = "The uppermost layer that has a file shows it, and writing copies it "
                             "to `upper`. An id-mapped mount translates owners "
                             "(mount_setattr(2)). Mounts copied to a less privileged namespace "
                             "are locked there (mount_namespaces(7)).",
                     .without = "Every start would copy the whole root; files would belong to "
                                "nobody; a machine could undo read-only mounts.",
                     .keys = "rootfs overlay upper read_only mounts devices credentials timezone "
                             "network.dns network.search network.hosts" } },
        { .name = "notify",
          .wanted = launch_wants_notify,
          .set_up = launch_set_up_notify,
          .tear_down = launch_tear_down_notify,
          .words = { .what = "Creates the socket on which the payload reports that it is ready.",
                     .calls = "socket bind",
                     .rule = "sd_notify(3) sends a datagram to the path in NOTIFY_SOCKET.",
                     .without = "`start` would return before the service can answer.",
                     .keys = "ready" } },
        { .name = "clone",
          .set_up = launch_set_up_clone,
          .tear_down = launch_tear_down_clone,
          .words = { .what = "The maker creates the machine's first process, with new PID, mount "
                             "and cgroup namespaces, in its control group.",
                     .calls = "socketpair clone3",
                     .rule = "The first process in a PID namespace is its PID 1 "
                             "(pid_namespaces(7)). CLONE_INTO_CGROUP puts it into its group at "
                             "birth, and a pidfd names it although its pid may be used again "
                             "(clone3(2)).",
                     .without = "With fork(2) and a later write to cgroup.procs, the process would "
                                "run outside its limits for a moment; and a new PID namespace "
                                "does not apply to the process that unshares it.",
                     .keys = "namespaces" } },
        { .name = "restored-mounts",
          .wanted = launch_is_restore,
          .set_up = launch_set_up_restored_mounts,
          .words = { .what = "Takes the machine's mounts from its first process, which has made "
                             "them and ends: the processes of a checkpoint are made by CRIU.",
                     .calls = "recvmsg move_mount",
                     .rule = "A tree of mounts can be cloned, sent as a descriptor and attached "
                             "in another mount namespace (open_tree(2)).",
                     .without = "CRIU would have to make device nodes, masks and binds, which need "
                                "the host's files." } },
        { .name = "restored-processes",
          .wanted = launch_is_restore,
          .set_up = launch_set_up_restored_processes,
          .tear_down = launch_tear_down_restored_processes,
          .words = { .what = "Runs CRIU, which makes the machine's namespaces and its first "
                             "process.",
                     .calls = "socketpair clone3 execve sendmsg recvmsg",
                     .rule = "A process with CLONE_PARENT is its maker's sibling, so that the "
                             "supervisor is the parent of the machine's first process (clone(2)).",
                     .without = "Nothing of the checkpoint would run." } },
        { .name = "agent-state",
          .wanted = launch_wants_agent,
          .set_up = launch_set_up_agent_text,
          .words = { .what = "Writes what the agent is told of the container.",
                     .calls = "write",
                     .rule = "The text contains the first process' pid, known only now.",
                     .without = "The agent could not tell whose calls it answers." } },
        { .name = "resources",
          .wanted = launch_is_no_restore,
          .set_up = launch_set_up_resources,
          .words = { .what = "Raises the limits of the first process, and sets its priority, from "
                             "outside.",
                     .calls = "prlimit64",
                     .rule = "Raising a hard limit needs CAP_SYS_RESOURCE in the host's user "
                             "namespace (prlimit(2)), which nothing in the machine has.",
                     .without = "A definition could only lower limits.",
                     .keys = LAUNCH_PROCESS_LIMITS } },
        { .name = "standard-streams",
          .wanted = launch_wants_streams,
          .set_up = launch_set_up_streams,
          .words = { .what = "Gives pipes on standard input and output to the machine's root.",
                     .calls = "fstat fchown",
                     .rule = "Opening /dev/stdout opens the pipe anew, with a check of its owner "
                             "and mode (proc(5)).",
                     .without = "Programs that log to /dev/stdout or /dev/stderr would fail with "
                                "EACCES." } },
        { .name = "limits",
          .wanted = launch_has_group,
          .set_up = launch_set_up_limits,
          .words = { .what = "Writes the limits, hands the group to the machine's root, and "
                             "attaches a program that decides which devices can be opened.",
                     .calls = "fchownat write bpf",
                     .rule = "memory.max, cpu.max, pids.max and others are files of the group "
                             "(cgroups(7)); a delegated group's owner can make groups below it, "
                             "but not write its limits.",
                     .without = "One machine could use all memory, and the kernel would kill "
                                "processes of the host.",
                     .keys = LAUNCH_GROUP_LIMITS " devices" } },
        { .name = "network-attach",
          .wanted = launch_is_connected,
          .set_up = launch_attach_network,
          .words = { .what = "Connects the machine's network namespace: the link eth0, its "
                             "addresses and routes, and the firewall's rules for published ports.",
                     .calls = "setns socket sendmsg recvmsg",
                     .rule = "A new network namespace has only a loopback interface "
                             "(network_namespaces(7)). A veth(4) pair is a cable: one end in the "
                             "machine, the other on the host's bridge.",
                     .without = "The machine would reach nothing, and nothing would reach it.",
                     .keys = "network ports" } },
        { .name = "network-devices",
          .wanted = launch_wants_devices,
          .set_up = launch_give_devices,
          .words = { .what = "Moves interfaces of the host to the container.",
                     .calls = "setns socket sendmsg",
                     .rule = "An interface is in one network namespace at a time; a physical one "
                             "returns to the host at the end (network_namespaces(7)).",
                     .without = "The container would lack the interfaces that its bundle "
                                "names." } },
        { .name = "restored-network",
          .wanted = launch_wants_restored_network,
          .set_up = launch_set_up_restored_network,
          .words = { .what = "Brings up the loopback interface of a restored machine, and writes "
                             "its kernel parameters of the network.",
                     .calls = "setns ioctl write",
                     .rule = "They belong to the network namespace, which is a new one.",
                     .without = "Programs would no longer reach each other in the machine.",
                     .keys = "sysctl" } },
        { .name = "created",
          .wanted = launch_wants_created,
          .set_up = launch_set_up_created,
          .words = { .what = "Runs the bundle's hooks for created namespaces.",
                     .calls = "clone3 execve",
                     .rule = "They run on the host, before the root becomes the container's (OCI "
                             "runtime specification, \"Hooks\").",
                     .without = "Callers could not add devices or networks." } },
        { .name = "payload",
          .set_up = launch_set_up_payload,
          .words = { .what = "Tells the first process to go on, leaves the prepared mounts to it, "
                             "and waits until the payload runs.",
                     .calls = "sendmsg setns recvmsg",
                     .rule = "A descriptor with FD_CLOEXEC is closed by a successful execve(2): "
                             "the end of the socket means that the payload runs, a message that "
                             "it does not.",
                     .without = "`run` and `start` would have to guess by waiting, or report "
                                "success for a command that does not exist.",
                     .keys = "command arguments" } },
        { .name = "shared-volumes",
          .wanted = launch_wants_named_volumes,
          .set_up = launch_share_volumes,
          .words = { .what = "Turns the locks of new volumes that the machine only reads, and that "
                             "have their content now, into shared ones.",
                     .calls = "fcntl",
                     .rule = "A lock of an open file description is converted in one step "
                             "(fcntl(2)).",
                     .without = "The first reader of a volume would keep all others out.",
                     .keys = "mounts" } },
        { .name = "publish",
          .wanted = launch_publishes,
          .set_up = launch_publish,
          .tear_down = launch_unpublish,
          .words = { .what = "Begins to forward connections to the published ports, in a thread of "
                             "the supervisor.",
                     .calls = "clone",
                     .rule = "A user may not write the host's firewall rules, but may bind ports "
                             "from net.ipv4.ip_unprivileged_port_start on (ip(7)).",
                     .without = "A user's machines could not be reached from outside.",
                     .keys = "ports" } },
        { .name = "waiting",
          .wanted = launch_is_container,
          .set_up = launch_set_up_waiting,
          .words = { .what = "Records that the container waits for its start.",
                     .calls = "renameat",
                     .rule = "rename(2) replaces a file at once: readers see the old or the new "
                             "record, never a part.",
                     .without = "The next command would take the container for an abandoned "
                                "one." } },
        { .name = "running",
          .wanted = launch_is_in_earnest,
          .set_up = launch_set_up_running,
          .words = { .what = "Records that the machine runs, and releases the lock on its name.",
                     .calls = "renameat",
                     .rule = "rename(2) replaces a file at once: readers see the old or the new "
                             "record, never a part.",
                     .without = "`list` would not know of the machine, and `stop` would wait for "
                                "the lock." } },
        { 0 },
};

const struct launch_step launch_storage_steps[] = {
        { .name = "state",
          .set_up = launch_set_up_storage_state,
          .tear_down = launch_tear_down_storage_state },
        { .name = "pod", .wanted = launch_holds_pod, .set_up = launch_set_up_pod },
        { .name = "trees", .set_up = launch_set_up_trees, .tear_down = launch_tear_down_trees },
        { .name = "volumes",
          .wanted = launch_has_volumes,
          .set_up = launch_set_up_volumes,
          .tear_down = launch_tear_down_volumes },
        { .name = "image",
          .wanted = launch_wants_image,
          .set_up = launch_set_up_image,
          .tear_down = launch_tear_down_image },
        { .name = "id-range",
          .wanted = launch_wants_user_namespace,
          .set_up = launch_set_up_id_range,
          .tear_down = launch_tear_down_id_range },
        { .name = "mount-namespace",
          .set_up = launch_set_up_mount_namespace,
          .tear_down = launch_leave_mount_namespace },
        { .name = "namespaces",
          .wanted = launch_wants_user_namespace,
          .set_up = launch_set_up_namespaces,
          .tear_down = launch_tear_down_namespaces },
        { .name = "id-maps",
          .wanted = launch_wants_user_namespace,
          .set_up = launch_set_up_id_maps },
        { .name = "root", .set_up = launch_set_up_storage, .tear_down = launch_tear_down_root },
        { 0 },
};
