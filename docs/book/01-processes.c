/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A process by clone3(2), and its end by a descriptor instead of its pid. */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
        int pidfd = -1;
        struct clone_args arguments = {
                .flags = CLONE_PIDFD,
                .pidfd = (uint64_t)(uintptr_t)&pidfd,
                .exit_signal = SIGCHLD,
        };
        struct pollfd end;
        siginfo_t info;
        long pid;

        setbuf(stdout, NULL);
        pid = syscall(SYS_clone3, &arguments, sizeof arguments);
        if (pid < 0) {
                perror("clone3");
                return 1;
        }
        if (pid == 0) {
                printf("child: I am a copy of %d\n", getppid());
                _exit(7);
        }
        /* A pidfd names this child and no other, even if its pid is used again. */
        end = (struct pollfd){ .fd = pidfd, .events = POLLIN };
        if (poll(&end, 1, -1) != 1 || waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0) {
                perror("waitid");
                return 1;
        }
        printf("parent: child %d ended with status %d\n", info.si_pid, info.si_status);
        return 0;
}
