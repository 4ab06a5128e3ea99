/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/capability.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "security/capabilities/capabilities.h"

/* After capabilities(7). In a user namespace each counts for what that namespace owns. */
static const char *const allows[] = {
        [CAP_CHOWN] = "change the owner of any file",
        [CAP_DAC_OVERRIDE] = "read, write and execute files regardless of their mode",
        [CAP_DAC_READ_SEARCH] = "read files and search directories regardless of their mode",
        [CAP_FOWNER] = "do with any file what its owner may do, such as chmod(2)",
        [CAP_FSETID] = "keep the set-user-ID and set-group-ID bits of a file that is changed",
        [CAP_KILL] = "send signals to any process",
        [CAP_SETGID] = "become any group, and set the supplementary groups",
        [CAP_SETUID] = "become any user",
        [CAP_SETPCAP] = "drop capabilities from the bounding set, and add to the inheritable one",
        [CAP_LINUX_IMMUTABLE] = "set the immutable and append-only flags of files (chattr(1))",
        [CAP_NET_BIND_SERVICE] = "bind ports below 1024",
        [CAP_NET_BROADCAST] = "nothing: it is not used by the kernel",
        [CAP_NET_ADMIN] = "configure interfaces, addresses, routes and firewall rules",
        [CAP_NET_RAW] = "open raw and packet sockets, as ping(8) and tcpdump(8) do",
        [CAP_IPC_LOCK] = "lock memory beyond the limit (mlock(2)), and use huge pages",
        [CAP_IPC_OWNER] = "use System V IPC objects regardless of their mode",
        [CAP_SYS_MODULE] = "load and unload kernel modules",
        [CAP_SYS_RAWIO] = "access I/O ports, and send any command to devices",
        [CAP_SYS_CHROOT] = "change the root directory (chroot(2)), and join mount namespaces",
        [CAP_SYS_PTRACE] = "trace any process and read its memory",
        [CAP_SYS_PACCT] = "switch process accounting (acct(2))",
        [CAP_SYS_ADMIN] = "mount file systems, create namespaces, and much else",
        [CAP_SYS_BOOT] = "reboot, and load another kernel",
        [CAP_SYS_NICE] = "raise the priority of processes, and choose their CPUs",
        [CAP_SYS_RESOURCE] = "exceed quotas and raise hard limits",
        [CAP_SYS_TIME] = "set the system's clock",
        [CAP_SYS_TTY_CONFIG] = "configure virtual terminals, and hang them up",
        [CAP_MKNOD] = "create device nodes",
        [CAP_LEASE] = "take leases on any file (fcntl(2))",
        [CAP_AUDIT_WRITE] = "write to the kernel's audit log",
        [CAP_AUDIT_CONTROL] = "configure the kernel's auditing",
        [CAP_SETFCAP] = "set capabilities of files",
        [CAP_MAC_OVERRIDE] = "override the Smack security module",
        [CAP_MAC_ADMIN] = "configure the Smack security module",
        [CAP_SYSLOG] = "read the kernel's log, and see kernel addresses",
        [CAP_WAKE_ALARM] = "set timers that wake the system up",
        [CAP_BLOCK_SUSPEND] = "keep the system from suspending",
        [CAP_AUDIT_READ] = "read the audit log",
        [CAP_PERFMON] = "observe the system with perf_event_open(2) and BPF",
        [CAP_BPF] = "load BPF programs and create maps",
        [CAP_CHECKPOINT_RESTORE] = "checkpoint and restore processes, and choose pids",
};

const char *capability_allows(int number)
{
        const char *text =
                number >= 0 && (size_t)number < ELEMENTS_OF(allows) ? allows[number] : NULL;

        return text ? text : "what this version does not know";
}
