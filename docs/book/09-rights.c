/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Root without a capability, and a system call that a filter refuses. Run it as root. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#if defined __x86_64__
#        define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#        define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

static void try_name(const char *when)
{
        int r = sethostname("chapter-nine", strlen("chapter-nine"));

        printf("sethostname %s: %s\n", when, r == 0 ? "done" : strerror(errno));
}

/* From the effective and the permitted set, and from the bounding set, or execve(2) as root would
 * give it back. */
static int drop(unsigned int capability)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct sets[2];

        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 ||
            syscall(SYS_capget, &header, sets) < 0) {
                return -1;
        }
        sets[capability / 32].effective &= ~(1U << capability % 32);
        sets[capability / 32].permitted &= ~(1U << capability % 32);
        return (int)syscall(SYS_capset, &header, sets);
}

/* Refuses uname(2). The architecture is checked first: each has its own numbers. */
static int install_filter(void)
{
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_uname, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = { sizeof code / sizeof code[0], code };

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
                return -1;
        }
        return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

int main(void)
{
        struct utsname names;

        if (unshare(CLONE_NEWUTS) < 0) {
                perror("unshare");
                return 1;
        }
        try_name("as root");
        if (drop(CAP_SYS_ADMIN) < 0) {
                perror("capset");
                return 1;
        }
        printf("uid %d\n", getuid());
        try_name("without CAP_SYS_ADMIN");
        printf("uname: %s\n", uname(&names) == 0 ? "done" : strerror(errno));
        if (install_filter() < 0) {
                perror("seccomp");
                return 1;
        }
        printf("uname with the filter: %s\n", uname(&names) == 0 ? "done" : strerror(errno));
        return 0;
}
