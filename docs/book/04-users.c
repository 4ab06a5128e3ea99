/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Root of a user namespace is an unprivileged user of the host. Run it as root. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int write_map(pid_t pid, const char *file, const char *map)
{
        char path[64];
        int fd, r;

        snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        r = fd >= 0 && write(fd, map, strlen(map)) == (ssize_t)strlen(map) ? 0 : -1;
        if (fd >= 0) {
                close(fd);
        }
        return r;
}

static int child(int socket)
{
        char byte;

        printf("inside, without a map: uid %d\n", getuid());
        if (write(socket, "", 1) != 1 || read(socket, &byte, 1) != 1) {
                return 1;
        }
        /* The map allows it, but a process changes its ids only if it asks for that. */
        if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0) {
                perror("setresuid");
                return 1;
        }
        printf("inside, with a map: uid %d\n", getuid());
        return write(socket, "", 1) == 1 && read(socket, &byte, 1) == 0 ? 0 : 1;
}

int main(void)
{
        struct stat status;
        char path[64], byte;
        int ends[2];
        pid_t pid;

        setbuf(stdout, NULL);
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
                return 1;
        }
        /* fork(2) with a flag: this call of clone(2) copies the stack as well. */
        pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
        if (pid == 0) {
                close(ends[0]);
                _exit(child(ends[1]));
        }
        close(ends[1]);
        if (pid < 0 || read(ends[0], &byte, 1) != 1 ||
            write_map(pid, "uid_map", "0 100000 65536\n") < 0 ||
            write_map(pid, "gid_map", "0 100000 65536\n") < 0 || write(ends[0], "", 1) != 1 ||
            read(ends[0], &byte, 1) != 1) {
                perror("cannot map the ids");
                return 1;
        }
        snprintf(path, sizeof path, "/proc/%d", pid);
        if (stat(path, &status) == 0) {
                printf("outside: uid %u\n", status.st_uid);
        }
        close(ends[0]);
        return waitpid(pid, NULL, 0) < 0;
}
