/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/process/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/quantity.h"
#include "base/strings.h"

#define STAT_MAXIMUM 4096

int process_boot_id(char ret[static 37])
{
        _cleanup_free_ char *text = NULL;
        size_t length;
        int r = file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &text, &length);

        if (r < 0) {
                return r;
        }
        if (length < 36) {
                return -EIO;
        }
        memcpy(ret, text, 36);
        ret[36] = '\0';
        return 0;
}

/* Reads state and start time. The second field of /proc/PID/stat is the program's name in
 * parentheses and may itself contain blanks and parentheses: the last ")" ends it (proc(5)). */
static int read_stat(pid_t pid, char *ret_state, uint64_t *ret_start_time)
{
        _cleanup_free_ char *path = string_format("/proc/%d/stat", pid);
        _cleanup_free_ char *text = NULL;
        const char *rest;
        int r;

        if (!path) {
                return -ENOMEM;
        }
        r = file_read(AT_FDCWD, path, STAT_MAXIMUM, &text, NULL);
        if (r < 0) {
                return r == -ENOENT ? -ESRCH : r;
        }
        rest = strrchr(text, ')');
        if (!rest || sscanf(rest + 1,
                            " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
                            "%*d %*d %" SCNu64,
                            ret_state, ret_start_time) != 2) {
                return -EIO;
        }
        return 0;
}

int process_identify(pid_t pid, struct process_identity *ret)
{
        struct process_identity identity = { .pid = pid == 0 ? getpid() : pid };
        char state;
        int r = read_stat(identity.pid, &state, &identity.start_time);

        if (r == 0) {
                r = process_boot_id(identity.boot_id);
        }
        if (r == 0) {
                *ret = identity;
        }
        return r;
}

bool process_is_alive_in_boot(const struct process_identity *identity, const char *boot_id)
{
        uint64_t start_time;
        char state;

        return identity->pid > 0 && strcmp(boot_id, identity->boot_id) == 0 &&
               read_stat(identity->pid, &state, &start_time) == 0 &&
               start_time == identity->start_time && state != 'Z' && state != 'X';
}

bool process_is_alive(const struct process_identity *identity)
{
        char boot_id[37];

        return identity->pid > 0 && process_boot_id(boot_id) == 0 &&
               process_is_alive_in_boot(identity, boot_id);
}

int process_open(const struct process_identity *identity)
{
        _cleanup_close_ int fd = -EBADF;

        if (identity->pid <= 0) {
                return -ESRCH;
        }
        fd = (int)syscall(SYS_pidfd_open, identity->pid, 0);
        if (fd < 0) {
                return -errno;
        }
        /* The descriptor pins the process: if the identity matches now, it is the right one. */
        return process_is_alive(identity) ? TAKE_FD(fd) : -ESRCH;
}

pid_t process_fork(uint64_t flags, int *ret_pidfd)
{
        struct clone_args arguments = {
                .flags = flags | (ret_pidfd ? CLONE_PIDFD : 0),
                /* A sibling's exit signal is the caller's own (clone3(2)). */
                .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
                .pidfd = (uint64_t)(uintptr_t)ret_pidfd,
        };
        long pid = syscall(SYS_clone3, &arguments, sizeof arguments);

        return pid < 0 ? -errno : (pid_t)pid;
}

int process_exit_status(int code, int status)
{
        return code == CLD_EXITED ? status : 128 + status;
}

int process_wait(pid_t pid)
{
        siginfo_t info = { 0 };

        while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0) {
                if (errno != EINTR) {
                        return -errno;
                }
        }
        return process_exit_status(info.si_code, info.si_status);
}

struct process_title process_title_of(int argc, char **argv)
{
        char *end = argv[argc - 1] + strlen(argv[argc - 1]) + 1;

        /* The kernel puts the arguments one behind the other. */
        return (struct process_title){ .start = argv[0], .length = (size_t)(end - argv[0]) };
}

void process_set_title(const struct process_title *title, const char *name)
{
        memset(title->start, 0, title->length);
        if (title->length > 0) {
                memcpy(title->start, name, strnlen(name, title->length - 1));
        }
        (void)prctl(PR_SET_NAME, name);
}

/* By system calls, because each C library reserves different signals for itself, and the program
 * may use another one. */
void process_reset_handlers(void)
{
        /* The kernel's struct sigaction, which no header defines. All zeros is SIG_DFL. */
        static const unsigned char by_default[64];

        for (int signal = 1; signal < _NSIG; signal++) {
                /* EINVAL for SIGKILL and SIGSTOP. */
                (void)syscall(SYS_rt_sigaction, signal, by_default, NULL, _NSIG / 8);
        }
}

void process_unblock_signals(void)
{
        sigset_t none;

        sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

int process_close_from(int first)
{
        return syscall(SYS_close_range, (unsigned int)first, ~0U, 0) < 0 ? -errno : 0;
}

const char *const process_limit_names[RLIM_NLIMITS] = {
        [RLIMIT_CPU] = "RLIMIT_CPU",           [RLIMIT_FSIZE] = "RLIMIT_FSIZE",
        [RLIMIT_DATA] = "RLIMIT_DATA",         [RLIMIT_STACK] = "RLIMIT_STACK",
        [RLIMIT_CORE] = "RLIMIT_CORE",         [RLIMIT_RSS] = "RLIMIT_RSS",
        [RLIMIT_NPROC] = "RLIMIT_NPROC",       [RLIMIT_NOFILE] = "RLIMIT_NOFILE",
        [RLIMIT_MEMLOCK] = "RLIMIT_MEMLOCK",   [RLIMIT_AS] = "RLIMIT_AS",
        [RLIMIT_LOCKS] = "RLIMIT_LOCKS",       [RLIMIT_SIGPENDING] = "RLIMIT_SIGPENDING",
        [RLIMIT_MSGQUEUE] = "RLIMIT_MSGQUEUE", [RLIMIT_NICE] = "RLIMIT_NICE",
        [RLIMIT_RTPRIO] = "RLIMIT_RTPRIO",     [RLIMIT_RTTIME] = "RLIMIT_RTTIME",
};
