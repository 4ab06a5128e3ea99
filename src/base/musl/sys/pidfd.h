/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MUSL_SYS_PIDFD_H
#define MUSL_SYS_PIDFD_H

/* pidfd_open(2) and pidfd_send_signal(2), which musl lacks, as declared by glibc 2.36. */

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int pidfd_open(pid_t pid, unsigned int flags)
{
        return (int)syscall(SYS_pidfd_open, pid, flags);
}

static inline int pidfd_send_signal(int fd, int signal, siginfo_t *info, unsigned int flags)
{
        return (int)syscall(SYS_pidfd_send_signal, fd, signal, info, flags);
}

#endif
