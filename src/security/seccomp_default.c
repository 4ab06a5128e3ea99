/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/seccomp_default.h"

#include <asm-generic/ioctls.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/socket.h>

#include "security/capabilities.h"

#define REFUSED(number) (SECCOMP_RET_ERRNO | (number))

/* No capability has this number. */
#define KEY_AUDIT (UINT64_C(1) << 63)

/*
 * Allowed to everyone: what the kernel checks well by itself and ordinary programs use.
 *
 * Left out on purpose, each to be had back with `allow`: io_uring, whose ring does what a filter
 * would have refused; userfaultfd, which stops the kernel at a chosen moment; @keyring, as keys
 * know no namespace; perf_event_open, fanotify, open_by_handle_at, quotactl and kexec, which reach
 * beyond a machine; @swap, @obsolete, @pkey, @cpu-emulation, which services do not need.
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
        "sched_setscheduler mbind set_mempolicy set_mempolicy_home_node "
        /* of @system-service */
        "arm_fadvise64_64 cachestat capset copy_file_range fadvise64 fadvise64_64 flock "
        "get_mempolicy getcpu getpriority ioprio_get madvise mincore mremap name_to_handle_at "
        "oldolduname olduname readahead readdir remap_file_pages sched_get_priority_max "
        "sched_get_priority_min sched_getattr sched_getparam sched_getscheduler "
        "sched_rr_get_interval sched_rr_get_interval_time64 sendfile sendfile64 setfsgid "
        "setfsgid32 setfsuid setfsuid32 setpgid setsid splice sysinfo tee umask uname vmsplice "
        /* of none */
        "memfd_secret process_mrelease lsm_get_self_attr lsm_set_self_attr lsm_list_modules "
        "statmount listmount";

/* Allowed with a capability, without which the kernel would refuse them for the most part anyway:
 * what cannot be called cannot be exploited. */
static const struct gate {
        int capability;
        const char *names;
} gates[] = {
        { CAP_SYS_ADMIN,
          "mount umount umount2 pivot_root fsopen fsconfig fsmount fspick move_mount open_tree "
          "open_tree_attr mount_setattr clone clone3 unshare setns sethostname setdomainname" },
        { CAP_SYS_PTRACE,
          "ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd" },
        { CAP_SYS_CHROOT, "chroot" },
        { CAP_SYS_NICE, "migrate_pages move_pages" },
        { CAP_SYS_TTY_CONFIG, "vhangup" },
        { CAP_SYS_BOOT, "reboot" },
        { CAP_SYS_TIME, "@clock" },
        { CAP_SYS_MODULE, "@module" },
        { CAP_SYS_RAWIO, "@raw-io" },
        { CAP_SYS_PACCT, "acct" },
        { CAP_SYSLOG, "syslog" },
        { CAP_BPF, "bpf" },
};

#define NAMESPACES                                                                               \
        ((uint32_t)CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
         CLONE_NEWPID | CLONE_NEWNET)

/* The kernel takes these arguments as 32 bits and drops the rest: compared as 64 bits, a value with
 * a bit set above would pass (CVE-2019-10063). */
#define EQUALS(argument, value)                                     \
        {                                                           \
                argument, SECCOMP_MASKED_EQUAL, (value), UINT32_MAX \
        }
/* None of the bits. */
#define LACKS(argument, bits)                             \
        {                                                 \
                argument, SECCOMP_MASKED_EQUAL, 0, (bits) \
        }

/*
 * Calls that depend on their arguments. A rule with an action of ERRNO beats one that allows.
 *
 * clone and unshare: no new namespace without CAP_SYS_ADMIN; a user namespace would open the rest
 * of the kernel to whoever made it. clone3 has its flags in memory, where no filter sees them:
 * ENOSYS makes C libraries use clone. CLONE_NEWTIME is one of clone's signal bits, and only
 * unshare's flag.
 *
 * ioctl: TIOCSTI puts words into the mouth of whoever reads the terminal next (CVE-2017-5226),
 * TIOCLINUX pastes them.
 *
 * personality: the values of ordinary programs; others weaken address space randomization.
 *
 * socket: audit belongs to the host, and programs that speak to it take EAFNOSUPPORT for "there is
 * none"; AF_VSOCK reaches the hypervisor, as it knows no namespace; AF_ALG is a large part of the
 * kernel that services do not need. (socketcall, of 32-bit x86, has its arguments in memory.)
 */
static const struct special {
        const char *name;
        uint32_t action;
        uint64_t unless; /* bits of the key with which the rule is left out */
        size_t condition_count;
        struct seccomp_condition conditions[2];
} specials[] = {
        { "clone", SECCOMP_RET_ALLOW, CAPABILITY_BIT(CAP_SYS_ADMIN), 1, { LACKS(0, NAMESPACES) } },
        { "clone3", REFUSED(ENOSYS), CAPABILITY_BIT(CAP_SYS_ADMIN), 0, { { 0 } } },
        { "unshare",
          SECCOMP_RET_ALLOW,
          CAPABILITY_BIT(CAP_SYS_ADMIN),
          1,
          { LACKS(0, NAMESPACES | CLONE_NEWTIME) } },
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
        /* Every convention: what `deny` names is refused in all of them. */
        for (size_t i = 0; i < syscall_architecture_count; i++) {
                ret->architectures[i] = true;
        }
}
