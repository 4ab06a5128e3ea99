/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/heir.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#        define SANITIZED 1
#else
#        define SANITIZED 0
#endif

/* While the caller runs, this only makes system calls: the C library's state is the caller's. */
static int inherit(void *data)
{
        struct heir *heir = data;

        (void)syscall(SYS_prctl, PR_SET_NAME, "machinectl-heir", 0, 0, 0);
        while (__atomic_load_n(&heir->caller_lives, __ATOMIC_ACQUIRE)) {
                /* Not private: the kernel wakes this address without that flag. */
                (void)syscall(SYS_futex, &heir->caller_lives, FUTEX_WAIT, 1, NULL, NULL, 0);
        }
        if (heir->succeeds) {
                heir->task(heir->data);
        }
        _exit(EXIT_SUCCESS);
}

int heir_create(struct heir *heir, void *stack, void (*task)(void *data), void *data)
{
        sigset_t all, previous;
        int pid;

        *heir = (struct heir){ .task = task, .data = data, .caller_lives = 1 };
        if (SANITIZED || getpid() == 1) {
                return -EOPNOTSUPP;
        }
        (void)syscall(SYS_set_tid_address, &heir->caller_lives);
        sigfillset(&all);
        (void)sigprocmask(SIG_SETMASK, &all, &previous);
        pid = clone(inherit, (char *)stack + HEIR_STACK_SIZE, CLONE_VM | CLONE_FILES | SIGCHLD,
                    heir);
        (void)sigprocmask(SIG_SETMASK, &previous, NULL);
        if (pid < 0) {
                return -errno;
        }
        heir->pid = pid;
        return 0;
}

void heir_succeed(struct heir *heir, int status)
{
        heir->succeeds = 1;
        _exit(status);
}

void heir_dismiss(struct heir *heir)
{
        if (heir->pid > 0) {
                (void)kill(heir->pid, SIGKILL);
                while (waitpid(heir->pid, NULL, 0) < 0 && errno == EINTR) {
                }
                heir->pid = 0;
        }
}
