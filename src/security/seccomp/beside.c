/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "security/seccomp/program.h"

/* A system call made by this program, as seccomp(2) sees it. Other architectures fail to
 * compile. */
#if defined __x86_64__
#        define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __i386__
#        define OWN_ARCHITECTURE AUDIT_ARCH_I386
#elif defined __aarch64__
#        define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined __arm__
#        define OWN_ARCHITECTURE AUDIT_ARCH_ARM
#elif defined __riscv && __riscv_xlen == 64
#        define OWN_ARCHITECTURE AUDIT_ARCH_RISCV64
#elif defined __powerpc64__ && defined __LITTLE_ENDIAN__
#        define OWN_ARCHITECTURE AUDIT_ARCH_PPC64LE
#elif defined __s390x__
#        define OWN_ARCHITECTURE AUDIT_ARCH_S390X
#elif defined __loongarch64
#        define OWN_ARCHITECTURE AUDIT_ARCH_LOONGARCH64
#endif

#define LOAD(field)     BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value)   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 1, 0)
#define IF(value)       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, 1)
#define ANSWER(action)  BPF_STMT(BPF_RET | BPF_K, (action))
#define ALLOWED(number) IF(number), ANSWER(SECCOMP_RET_ALLOW)
#define REFUSED         (SECCOMP_RET_ERRNO | EPERM)

/* Waiting for signals, children and descriptors, finding and killing children, sending messages. C
 * libraries and architectures use different calls for these. */
static const struct sock_filter instructions[] = {
        LOAD(arch),
        UNLESS(OWN_ARCHITECTURE),
        ANSWER(REFUSED),
        LOAD(nr),
        ALLOWED(SYS_rt_sigtimedwait),
        ALLOWED(SYS_signalfd4),
        ALLOWED(SYS_waitid),
        ALLOWED(SYS_kill),
        ALLOWED(SYS_ppoll),
        ALLOWED(SYS_clock_nanosleep),
        ALLOWED(SYS_getpid),
        ALLOWED(SYS_openat),
        ALLOWED(SYS_openat2),
        ALLOWED(SYS_fstatfs),
        ALLOWED(SYS_read),
        ALLOWED(SYS_pread64),
        ALLOWED(SYS_write),
        ALLOWED(SYS_sendmsg),
        ALLOWED(SYS_fcntl),
        ALLOWED(SYS_close),
        ALLOWED(SYS_close_range),
        ALLOWED(SYS_restart_syscall),
        ALLOWED(SYS_exit),
        ALLOWED(SYS_exit_group),
#ifdef SYS_rt_sigtimedwait_time64
        ALLOWED(SYS_rt_sigtimedwait_time64),
        ALLOWED(SYS_ppoll_time64),
        ALLOWED(SYS_clock_nanosleep_time64),
        ALLOWED(SYS_fcntl64),
        ALLOWED(SYS_fstatfs64),
#endif
#ifdef SYS_poll
        ALLOWED(SYS_poll),
#endif
#ifdef SYS_open
        ALLOWED(SYS_open),
#endif
#ifdef SYS_nanosleep
        ALLOWED(SYS_nanosleep),
#endif
        ANSWER(REFUSED),
};

int seccomp_install_beside(struct machine_error *error)
{
        const struct seccomp_program program = {
                .instructions = (struct sock_filter *)instructions,
                .length = ELEMENTS_OF(instructions),
        };

        return seccomp_program_install(&program, NULL, error);
}
