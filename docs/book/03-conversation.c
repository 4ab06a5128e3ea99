/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a parent learns, without waiting in vain, whether its child's execve(2) succeeded. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void become(const char *program, int socket)
{
        char *arguments[] = { (char *)program, NULL };
        int number;

        execv(program, arguments);
        number = errno;
        /* Only reached if execve(2) failed: say why. */
        (void)!write(socket, &number, sizeof number);
        _exit(127);
}

static int run(const char *program)
{
        int ends[2], number = 0;
        ssize_t length;
        pid_t pid;

        /* Messages keep their boundaries; both ends are closed by a successful execve(2). */
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
                return -1;
        }
        pid = fork();
        if (pid == 0) {
                close(ends[0]);
                become(program, ends[1]);
        }
        close(ends[1]);
        length = read(ends[0], &number, sizeof number);
        if (length == 0) {
                printf("%s: it runs\n", program);
        } else if (length == sizeof number) {
                printf("%s: %s\n", program, strerror(number));
        }
        close(ends[0]);
        return pid < 0 || waitpid(pid, NULL, 0) < 0 ? -1 : 0;
}

int main(void)
{
        setbuf(stdout, NULL);
        if (run("/bin/true") < 0 || run("/no/such/program") < 0) {
                perror("run");
                return 1;
        }
        return 0;
}
