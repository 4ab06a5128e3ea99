/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PID 1 of a namespace: signals, orphans and zombies. Run it as root. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* The payload: leaves an orphan behind, which ends later, and exits with 3. */
static int payload(void)
{
        printf("payload: pid %d, its parent is %d\n", getpid(), getppid());
        if (fork() == 0) {
                while (getppid() != 1) {
                        usleep(1000);
                }
                usleep(50000); /* only so that the lines come in this order */
                printf("orphan: my parent is now %d\n", getppid());
                _exit(4);
        }
        return 3;
}

static int first_process(void)
{
        int status, ended = 0;
        pid_t pid;

        /* Without a handler PID 1 does not get it. */
        kill(getpid(), SIGTERM);
        printf("first: pid %d, alive after SIGTERM\n", getpid());
        pid = fork();
        if (pid == 0) {
                _exit(payload());
        }
        /* Everything that ends is waited for: until then it is a zombie, and keeps its pid. */
        for (int left = 2; left > 0; left--) {
                pid_t child = wait(&status);

                printf("first: %s ended with %d\n", child == pid ? "the payload" : "an orphan",
                       WEXITSTATUS(status));
                if (child == pid) {
                        ended = WEXITSTATUS(status);
                }
        }
        return ended;
}

int main(void)
{
        int status;
        pid_t pid;

        setbuf(stdout, NULL);
        if (unshare(CLONE_NEWPID) < 0) {
                perror("unshare");
                return 1;
        }
        pid = fork();
        if (pid == 0) {
                _exit(first_process());
        }
        if (pid < 0 || waitpid(pid, &status, 0) < 0) {
                perror("fork");
                return 1;
        }
        printf("outside: the namespace ended with %d\n", WEXITSTATUS(status));
        return 0;
}
