/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/unpack/sandbox_filter.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/cleanup.h"

DEFINE_CLEANUP(scmp_filter_ctx, seccomp_release, cleanup_filter)

static const int allowed[] = {
        /* Files below the root directory. */
        SCMP_SYS(openat),
        SCMP_SYS(openat2),
        SCMP_SYS(close),
        SCMP_SYS(read),
        SCMP_SYS(readv),
        SCMP_SYS(write),
        SCMP_SYS(writev),
        SCMP_SYS(pread64),
        SCMP_SYS(pwrite64),
        SCMP_SYS(lseek),
        SCMP_SYS(ftruncate),
        SCMP_SYS(sync_file_range),
        SCMP_SYS(fstat),
        SCMP_SYS(fstatfs),
        SCMP_SYS(newfstatat),
        SCMP_SYS(statx),
        SCMP_SYS(mkdirat),
        SCMP_SYS(mknodat),
        SCMP_SYS(linkat),
        SCMP_SYS(symlinkat),
        SCMP_SYS(unlinkat),
        SCMP_SYS(renameat),
        SCMP_SYS(renameat2),
        SCMP_SYS(readlinkat),
        SCMP_SYS(fchown),
        SCMP_SYS(fchownat),
        SCMP_SYS(fchmod),
        SCMP_SYS(fchmodat),
        SCMP_SYS(utimensat),
        SCMP_SYS(fsetxattr),
        SCMP_SYS(lsetxattr),
        SCMP_SYS(fgetxattr),
        SCMP_SYS(lgetxattr),
        SCMP_SYS(llistxattr),
        SCMP_SYS(fremovexattr),
        SCMP_SYS(lremovexattr),
        SCMP_SYS(getdents64),
        SCMP_SYS(fchdir),
        SCMP_SYS(fcntl),
        /* Memory and threads. */
        SCMP_SYS(brk),
        SCMP_SYS(munmap),
        SCMP_SYS(mremap),
        SCMP_SYS(madvise),
        SCMP_SYS(futex),
        SCMP_SYS(set_robust_list),
        SCMP_SYS(rseq),
        SCMP_SYS(sched_yield),
        SCMP_SYS(exit),
        SCMP_SYS(exit_group),
        SCMP_SYS(rt_sigaction),
        SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigreturn),
        SCMP_SYS(getpid),
        SCMP_SYS(gettid),
        SCMP_SYS(tgkill),
        SCMP_SYS(getrandom),
        SCMP_SYS(clock_gettime),
#if defined(__SANITIZE_ADDRESS__)
        SCMP_SYS(sigaltstack),
        SCMP_SYS(sched_getaffinity),
        SCMP_SYS(prlimit64),
        SCMP_SYS(readlink),
        SCMP_SYS(prctl),
#endif
};

/* Arguments are checked to exclude executable memory and new processes. glibc uses clone(2) if
 * clone3(2), whose arguments a filter cannot check, fails with ENOSYS. */
static int add_conditional(scmp_filter_ctx filter)
{
        const unsigned long thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
                                     CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |
                                     CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
        int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                                 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

        if (r == 0) {
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        }
        if (r == 0) {
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                     SCMP_A0(SCMP_CMP_EQ, thread));
        }
        /* For its own threads, and without the capability only to lower priorities. */
        if (r == 0) {
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(setpriority), 2,
                                     SCMP_A0(SCMP_CMP_EQ, PRIO_PROCESS), SCMP_A1(SCMP_CMP_EQ, 0));
        }
        if (r == 0) {
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sched_setscheduler), 2,
                                     SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A1(SCMP_CMP_EQ, SCHED_BATCH));
        }
        if (r == 0) {
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
        }
        return r;
}

int sandbox_filter(void)
{
        _cleanup_(cleanup_filter) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
        int r;

        if (!filter) {
                return -ENOMEM;
        }
        for (size_t i = 0; i < ELEMENTS_OF(allowed); i++) {
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
                if (r < 0) {
                        return r;
                }
        }
        r = add_conditional(filter);
        return r < 0 ? r : seccomp_load(filter);
}
