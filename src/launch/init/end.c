/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/init/end.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/process/process.h"
#include "launch/init/plan.h"

/* Orphans are reparented to this process when their parent is dead, so each round finds one more
 * generation: a tenth of a second in total. */
#define ROUNDS        100
#define ROUND_NSEC    1000000
#define CHILDREN_TEXT 4096

/* Opens the list of this process' children in the machine's procfs, which the machine may have
 * replaced or covered. A descriptor or -errno. */
static int open_children(void)
{
        _cleanup_close_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct statfs statistics;
        char path[64];

        if (proc < 0 || fstatfs(proc, &statistics) < 0 || statistics.f_type != PROC_SUPER_MAGIC) {
                return -ENODEV;
        }
        (void)snprintf(path, sizeof path, "%d/task/%d/children", getpid(), getpid());
        return path_open_no_mounts(proc, path, O_RDONLY, 0);
}

/* Kills as many as fit into the buffer: once they are dead, the next ones follow. */
static void kill_children(int children)
{
        char text[CHILDREN_TEXT + 1];
        ssize_t n = pread(children, text, CHILDREN_TEXT, 0);
        char *end = text;

        text[n > 0 ? n : 0] = '\0';
        for (;;) {
                long pid = strtol(end, &end, 10);

                /* If the text was truncated, its last number may be incomplete. */
                if (pid <= 1 || *end != ' ') {
                        return;
                }
                (void)kill((pid_t)pid, SIGKILL);
        }
}

/* Whether any are left. */
static bool reap_children(pid_t payload, int *status)
{
        for (;;) {
                siginfo_t info = { 0 };

                if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0) {
                        return errno != ECHILD;
                }
                if (info.si_pid == 0) {
                        return true;
                }
                if (info.si_pid == payload) {
                        *status = process_exit_status(info.si_code, info.si_status);
                }
        }
}

int end_all(pid_t payload)
{
        static const struct timespec pause = { .tv_nsec = ROUND_NSEC };
        _cleanup_close_ int children = open_children();
        int status = process_exit_status(CLD_KILLED, SIGKILL);

        /* It leads a process group (machine-init made it a session) and is not reaped yet. */
        if (payload > 0) {
                (void)kill(-payload, SIGKILL);
                (void)kill(payload, SIGKILL);
        }
        for (int round = 0; round < ROUNDS && reap_children(payload, &status); round++) {
                kill_children(children);
                (void)nanosleep(&pause, NULL);
        }
        if (reap_children(payload, &status)) {
                (void)!write(INIT_GROUP_FD, "1", 1);
        }
        return status;
}
