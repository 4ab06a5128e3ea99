/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/seccomp/default.h"

#include <asm-generic/ioctls.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/socket.h>

#include "security/capabilities/capabilities.h"

#define REFUSED(number) (SECCOMP_RET_ERRNO | (number))

/* Not a capability. */
#define KEY_AUDIT (UINT64_C(1) << 63)

/*
 * Allowed for all machines: what ordinary programs use and the kernel checks by itself.
 *
 * Left out on purpose (`allow` adds any of them): io_uring, which performs operations that a filter
 * would refuse; userfaultfd, which can pause the kernel at a chosen point; @keyring, as keys are
 * not namespaced; perf_event_open, fanotify, open_by_handle_at, quotactl and kexec, whose effects
 * go beyond a machine; unshare, which without CAP_SYS_ADMIN only separates threads from each other;
 * @swap, @obsolete, @pkey, @cpu-emulation, which services do not need.
 */
static const char everyone[] =
        "@default @basic-io @chown @file-system @io-event @memlock @network-io @sandbox @setuid "
        "@signal @sync @timer "
        /* of @aio */
        "io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents io_pgetevents_time64 "
        /* of @ipc */
        "pipe pipe2 memfd_create ipc msgctl msgget msgrcv msgsnd semctl semget semop semtimedop "
        "semtimedop_time64 shmat shmctl shmdt shmget mq_open mq_unlink mq_getsetattr mq_notify "
        "mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 "
        /* of @process */
        "fork vfork execveat wait4 waitid waitpid kill tkill tgkill rt_sigqueueinfo "
        "rt_tgsigqueueinfo pidfd_open pidfd_send_signal prctl capget getrusage times swapcontext "
        /* of @resources */
        "setrlimit setpriority nice ioprio_set sched_setaffinity sched_setattr sched_setparam "
        "sched_setscheduler "
        /* of @system-service */
        "arm_fadvise64_64 cachestat capset copy_file_range fadvise64 fadvise64_64 flock "
        "getcpu getpriority ioprio_get madvise mincore mremap name_to_handle_at "
        "oldolduname olduname readahead readdir remap_file_pages sched_get_priority_max "
        "sched_get_priority_min sched_getattr sched_getparam sched_getscheduler "
        "sched_rr_get_interval sched_rr_get_interval_time64 sendfile sendfile64 setfsgid "
        "setfsgid32 setfsuid setfsuid32 setpgid setsid splice sysinfo tee umask uname vmsplice "
        /* of none */
        "arm_sync_file_range memfd_secret process_mrelease statmount listmount";

/* Allowed with a capability; without it the kernel would refuse most of them anyway, and what
 * cannot be called cannot be exploited. */
static const struct gate {
        int capability;
        const char *names;
} gates[] = {
        { CAP_SYS_ADMIN,
          "mount umount umount2 pivot_root fsopen fsconfig fsmount fspick move_mount open_tree "
          "open_tree_attr mount_setattr clone clone3 unshare setns sethostname setdomainname "
          "lsm_get_self_attr lsm_set_self_attr lsm_list_modules" },
        { CAP_SYS_PTRACE,
          "ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd" },
        { CAP_SYS_CHROOT, "chroot" },
        { CAP_SYS_NICE,
          "migrate_pages move_pages mbind get_mempolicy set_mempolicy set_mempolicy_home_node" },
        { CAP_SYS_TTY_CONFIG, "vhangup" },
        { CAP_SYS_BOOT, "reboot" },
        { CAP_SYS_TIME, "@clock stime" },
        { CAP_SYS_MODULE, "@module" },
        { CAP_SYS_RAWIO, "@raw-io" },
        { CAP_SYS_PACCT, "acct" },
        { CAP_SYSLOG, "syslog" },
        { CAP_BPF, "bpf" },
};

#define NAMESPACES                                                                               \
        ((uint32_t)CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
         CLONE_NEWPID | CLONE_NEWNET)

/* The kernel truncates these arguments to 32 bits: compared as 64 bits, a value with a higher bit
 * set would pass (CVE-2019-10063). */
#define EQUALS(argument, value)                                     \
        {                                                           \
                argument, SECCOMP_MASKED_EQUAL, (value), UINT32_MAX \
        }
/* None of these bits is set. */
#define LACKS(argument, bits)                             \
        {                                                 \
                argument, SECCOMP_MASKED_EQUAL, 0, (bits) \
        }

/*
 * Calls that depend on their arguments. A rule with an action of ERRNO takes precedence over one
 * that allows.
 *
 * clone: no new namespaces without CAP_SYS_ADMIN; a user namespace would expose the rest of the
 * kernel to its creator. clone3 has its flags in memory, where no filter can read them: ENOSYS
 * makes C libraries use clone.
 *
 * file_getattr and file_setattr: in @file-system of newer systemd versions. They reach attributes
 * of sockets and devices, which ioctl cannot; with ENOSYS programs fall back to ioctl.
 *
 * ioctl: TIOCSTI injects input into a terminal, for its next reader (CVE-2017-5226); TIOCLINUX
 * pastes into it.
 *
 * personality: the values that ordinary programs use; others weaken address space randomization.
 *
 * socket: audit belongs to the host, and programs that use it take EAFNOSUPPORT for "not
 * available"; AF_VSOCK reaches the hypervisor, as it is not namespaced; AF_ALG exposes a large part
 * of the kernel that services do not need.
 *
 * socketcall: the older multiplexer for socket calls on 32-bit x86, with its arguments in memory:
 * with it any program, even a 64-bit one, could bypass the rules of socket. musl tries socket
 * first. glibc does so only if it was built for Linux 4.3 or newer, which no distribution's 32-bit
 * build is, and Go's 386 port never does: machines that run such programs need it in `allow`.
 */
static const struct special {
        const char *name;
        uint32_t action;
        uint64_t unless; /* bits of the key that disable the rule */
        size_t condition_count;
        struct seccomp_condition conditions[2];
} specials[] = {
        { "clone", SECCOMP_RET_ALLOW, CAPABILITY_BIT(CAP_SYS_ADMIN), 1, { LACKS(0, NAMESPACES) } },
        { "clone3", REFUSED(ENOSYS), CAPABILITY_BIT(CAP_SYS_ADMIN), 0, { { 0 } } },
        { "file_getattr", REFUSED(ENOSYS), 0, 0, { { 0 } } },
        { "file_setattr", REFUSED(ENOSYS), 0, 0, { { 0 } } },
        { "ioctl", SECCOMP_RET_ALLOW, 0, 0, { { 0 } } },
        { "ioctl", REFUSED(EPERM), 0, 1, { EQUALS(1, TIOCSTI) } },
        { "ioctl", REFUSED(EPERM), 0, 1, { EQUALS(1, 0x541c /* TIOCLINUX */) } },
        { "personality", SECCOMP_RET_ALLOW, 0, 1, { EQUALS(0, 0x0 /* PER_LINUX */) } },
        { "personality", SECCOMP_RET_ALLOW, 0, 1, { EQUALS(0, 0x8 /* PER_LINUX32 */) } },
        { "personality", SECCOMP_RET_ALLOW, 0, 1, { EQUALS(0, 0x20000 /* UNAME26 */) } },
        { "personality", SECCOMP_RET_ALLOW, 0, 1, { EQUALS(0, 0x20008 /* both */) } },
        { "personality", SECCOMP_RET_ALLOW, 0, 1, { EQUALS(0, 0xffffffff /* asks */) } },
        { "socket",
          REFUSED(EAFNOSUPPORT),
          KEY_AUDIT,
          2,
          { EQUALS(0, AF_NETLINK), EQUALS(2, NETLINK_AUDIT) } },
        { "socket", REFUSED(EAFNOSUPPORT), 0, 1, { EQUALS(0, AF_VSOCK) } },
        { "socket", REFUSED(EAFNOSUPPORT), 0, 1, { EQUALS(0, AF_ALG) } },
        { "socketcall", REFUSED(ENOSYS), 0, 0, { { 0 } } },
};

uint64_t seccomp_default_key(uint64_t capabilities, bool audit)
{
        const uint64_t audit_capabilities = CAPABILITY_BIT(CAP_AUDIT_CONTROL) |
                                            CAPABILITY_BIT(CAP_AUDIT_READ) |
                                            CAPABILITY_BIT(CAP_AUDIT_WRITE);
        uint64_t key = audit && (capabilities & audit_capabilities) ? KEY_AUDIT : 0;

        for (size_t i = 0; i < ELEMENTS_OF(gates); i++) {
                key |= capabilities & CAPABILITY_BIT(gates[i].capability);
        }
        return key;
}

static void use_common_architectures(struct seccomp_policy *policy)
{
        for (size_t i = 0; i < syscall_architecture_count; i++) {
                policy->architectures[i] = syscall_architectures[i].common;
        }
}

static int add_specials(uint64_t key, struct seccomp_policy *policy)
{
        for (size_t i = 0; i < ELEMENTS_OF(specials); i++) {
                const struct special *special = &specials[i];
                int call = syscall_find(special->name, strlen(special->name));
                int r;

                if (call < 0 || (special->unless & key)) {
                        continue;
                }
                r = seccomp_policy_add(policy, (uint32_t)call, special->action, special->conditions,
                                       special->condition_count);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

int seccomp_default_policy(uint64_t key, struct seccomp_policy *ret)
{
        _cleanup_seccomp_policy_ struct seccomp_policy policy = {
                .default_action = REFUSED(EPERM),
                .unknown_action = REFUSED(ENOSYS),
                .foreign_action = REFUSED(ENOSYS),
        };
        int r;

        use_common_architectures(&policy);
        r = seccomp_policy_add_names(&policy, everyone, SECCOMP_RET_ALLOW);
        for (size_t i = 0; i < ELEMENTS_OF(gates) && r == 0; i++) {
                if (key & CAPABILITY_BIT(gates[i].capability)) {
                        r = seccomp_policy_add_names(&policy, gates[i].names, SECCOMP_RET_ALLOW);
                }
        }
        if (r == 0) {
                r = add_specials(key, &policy);
        }
        if (r == 0) {
                *ret = policy;
                memset(&policy, 0, sizeof policy);
        }
        return r;
}

void seccomp_open_policy(struct seccomp_policy *ret)
{
        *ret = (struct seccomp_policy){
                .default_action = SECCOMP_RET_ALLOW,
                .unknown_action = SECCOMP_RET_ALLOW,
                .foreign_action = SECCOMP_RET_ALLOW,
        };
        /* Applies to every calling convention: `deny` refuses a call in all of them. */
        for (size_t i = 0; i < syscall_architecture_count; i++) {
                ret->architectures[i] = true;
        }
}
