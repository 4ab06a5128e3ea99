/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /proc, /sys and /dev of new namespaces. Run it as root. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

/* The names in a directory that are wanted, in one line. */
static void list(const char *what, const char *path, int (*wanted)(int))
{
        DIR *directory = opendir(path);
        struct dirent *entry;

        printf("%s:", what);
        while (directory && (entry = readdir(directory))) {
                if (wanted((unsigned char)entry->d_name[0])) {
                        printf(" %s", entry->d_name);
                }
        }
        printf("\n");
        if (directory) {
                closedir(directory);
        }
}

static int child(void)
{
        int fd;

        /* proc shows the PID namespace, sysfs the network namespace, of who mounts it. */
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ||
            mount("sysfs", "/sys", "sysfs", MS_RDONLY, NULL) < 0 ||
            mount("tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=755,size=1m") < 0) {
                perror("mount");
                return 1;
        }
        if (mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3)) < 0 || mkdir("/dev/pts", 0755) < 0 ||
            mount("devpts", "/dev/pts", "devpts", MS_NOSUID, "ptmxmode=666") < 0) {
                perror("/dev");
                return 1;
        }
        list("processes", "/proc", isdigit);
        list("interfaces", "/sys/class/net", isalpha);
        list("devices", "/dev", isalpha);
        fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
        printf("a write to /dev/null: %zd bytes\n", write(fd, "gone", 4));
        return 0;
}

int main(void)
{
        pid_t pid;

        setbuf(stdout, NULL);
        if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET) < 0) {
                perror("unshare");
                return 1;
        }
        pid = fork();
        if (pid == 0) {
                _exit(child());
        }
        return pid < 0 || waitpid(pid, NULL, 0) < 0;
}
