/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/user/program.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/process/process.h"
#include "base/strings.h"

/* The descriptor of the namespace until it is mounted. */
#define NAMESPACE_FD 3

/* Debian's AppArmor profile of pasta lets it read namespaces below the first, where Podman has them
 * as well, and write below the second. A host without logind has only the second. */
#define STAGE_NAMESPACE "/run/user"
#define STAGE           "/tmp"
#define NAMESPACE_PATH  "/0/netns/machines"
#define LOG_PATH        STAGE "/log"

/* What the new process needs, prepared by its parent. */
struct new_process {
        const struct network_program *start;
        char **command;
        int report_fd;
};

static int touch(const char *path)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        return fd < 0 ? -errno : close(fd);
}

/* Mounts on the stage what may be open in other mount namespaces or hidden by the stage itself. */
static int show(int fd, const char *path)
{
        char source[32];

        (void)snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
        return touch(path) < 0 || mount(source, path, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

/* A program that drops rights, as pasta does, may not follow /proc/PID/fd of a process that keeps
 * them, and a newer one closes what it inherits. */
static int set_stage(const char *log_path)
{
        int log_fd;

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
                return -errno;
        }
        log_fd = open(log_path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
        return log_fd < 0 ||
                               mount("tmpfs", STAGE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") <
                                       0 ||
                               mkdir(STAGE "/0", 0700) < 0 || mkdir(STAGE "/0/netns", 0700) < 0 ||
                               show(NAMESPACE_FD, STAGE NAMESPACE_PATH) < 0 ||
                               show(log_fd, LOG_PATH) < 0 ||
                               (access(STAGE_NAMESPACE, F_OK) == 0 &&
                                mount(STAGE, STAGE_NAMESPACE, NULL, MS_BIND | MS_REC, NULL) < 0)
                       ? -errno
                       : 0;
}

static int redirect(const char *path, int flags, int target)
{
        int fd = open(path, flags | O_CLOEXEC);

        return fd < 0 || dup2(fd, target) < 0 ? -errno : 0;
}

static _Noreturn void become(const struct new_process *program)
{
        static char *const environment[] = { (char *)"PATH=/usr/bin:/usr/sbin:/bin:/sbin", NULL };
        const char *log_path = program->start->log_path;
        pid_t own = getpid();

        process_reset_handlers();
        process_unblock_signals();
        if (write(program->report_fd, &own, sizeof(own)) != sizeof(own) ||
            redirect(log_path, O_WRONLY | O_APPEND, STDERR_FILENO) < 0 ||
            redirect("/dev/null", O_RDONLY, STDIN_FILENO) < 0 ||
            redirect("/dev/null", O_WRONLY, STDOUT_FILENO) < 0 ||
            dup2(program->start->namespace_fd, NAMESPACE_FD) < 0 ||
            process_close_from(NAMESPACE_FD + 1) < 0 || chdir("/") < 0 || set_stage(log_path) < 0 ||
            close(NAMESPACE_FD) < 0 || redirect(LOG_PATH, O_WRONLY | O_APPEND, STDERR_FILENO) < 0) {
                dprintf(STDERR_FILENO, "cannot prepare the network program: %s\n", strerror(errno));
                _exit(EXIT_FAILURE);
        }
        (void)execve(program->command[0], program->command, environment);
        dprintf(STDERR_FILENO, "cannot execute %s: %s\n", program->command[0], strerror(errno));
        _exit(EXIT_FAILURE);
}

static pid_t start_detached(struct new_process *program)
{
        int ends[2];
        pid_t pid = 0;
        pid_t child;
        ssize_t n;

        if (pipe2(ends, O_CLOEXEC) < 0) {
                return -errno;
        }
        program->report_fd = ends[1];
        child = fork();
        if (child == 0) {
                if (setsid() >= 0 && fork() == 0) {
                        become(program);
                }
                _exit(0);
        }
        fd_close(ends[1]);
        n = child > 0 ? read(ends[0], &pid, sizeof(pid)) : -1;
        fd_close(ends[0]);
        if (child > 0) {
                (void)process_wait(child);
        }
        return n == sizeof(pid) ? pid : -ECHILD;
}

pid_t network_program_start(const struct network_program *start)
{
        _cleanup_strv_ char **command = NULL;
        struct new_process program = { .start = start };
        const char *place = access(STAGE_NAMESPACE, F_OK) == 0 ? STAGE_NAMESPACE NAMESPACE_PATH
                                                               : STAGE NAMESPACE_PATH;

        for (const char *const *word = start->command; *word; word++) {
                if (strv_append(&command, string_equal(*word, PROGRAM_NAMESPACE) ? place : *word) <
                    0) {
                        return -ENOMEM;
                }
        }
        program.command = command;
        return start_detached(&program);
}
