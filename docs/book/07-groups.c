/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A control group: a process is born in it, is counted, frozen and killed. Run it as root. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int group; /* the directory */

static void put(const char *file, const char *text)
{
        int fd = openat(group, file, O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, text, strlen(text)) < 0) {
                perror(file);
                exit(1);
        }
        close(fd);
}

/* Whether a file of the group has a line. */
static int has(const char *file, const char *line)
{
        char text[4096] = "";
        int fd = openat(group, file, O_RDONLY | O_CLOEXEC);
        ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

        close(fd);
        return length > 0 && strstr(text, line) != NULL;
}

static void wait_for(const char *line)
{
        while (!has("cgroup.events", line)) {
                usleep(1000);
        }
        printf("cgroup.events: %s\n", line);
}

int main(void)
{
        const char *place = "/tmp";
        struct clone_args arguments = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };
        char name[64];
        long pid;

        setbuf(stdout, NULL);
        /* Every mount of cgroup2 shows the one tree; this one is seen by nobody else. */
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("cgroup2", place, "cgroup2", 0, NULL) < 0 || chdir(place) < 0) {
                perror(place);
                return 1;
        }
        snprintf(name, sizeof name, "chapter-seven-%d", getpid());
        if (mkdir(name, 0755) < 0 || (group = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0) {
                perror(name);
                return 1;
        }
        arguments.cgroup = (uint64_t)group;
        pid = syscall(SYS_clone3, &arguments, sizeof arguments);
        if (pid == 0) {
                for (;;) {
                }
        }
        wait_for("populated 1");
        put("cgroup.freeze", "1");
        wait_for("frozen 1");
        printf("cpu.stat: %s\n", has("cpu.stat", "usage_usec 0\n") ? "nothing used" : "time used");
        put("cgroup.kill", "1");
        wait_for("populated 0");
        waitpid((pid_t)pid, NULL, 0);
        return rmdir(name) < 0;
}
