/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
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
 * parentheses and may itself hold blanks and parentheses: the last ")" ends it (proc(5)). */
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
        /* The descriptor pins the process it was opened for: checked after, it cannot be another.
         */
        return process_is_alive(identity) ? TAKE_FD(fd) : -ESRCH;
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

int process_close_from(int first)
{
        return syscall(SYS_close_range, (unsigned int)first, ~0U, 0) < 0 ? -errno : 0;
}
