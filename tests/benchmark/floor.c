/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The minimum cost of such a start: one clone3 with the namespaces, a private mount table with
 * proc, pivot_root, exec. No user namespace, filter, state, messages or error reports. Static,
 * because only the kernel is to be measured. usage: floor ROOT PROGRAM [ARG..] */
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void require(int result, const char *what)
{
        if (result < 0) {
                perror(what);
                _exit(125);
        }
}

static void enter(const char *root, char **command)
{
        require(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
        require(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make / private");
        require(mount(root, root, NULL, MS_BIND | MS_REC, NULL), "bind the root");
        require(chdir(root), "chdir");
        require(mount("proc", "proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL), "proc");
        require(mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755"), "dev");
        require((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
        require(umount2(".", MNT_DETACH), "umount");
        require(chdir("/"), "chdir");
        execv(command[0], command);
        perror(command[0]);
        _exit(127);
}

int main(int argc, char **argv)
{
        struct clone_args arguments = {
                .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET |
                         CLONE_NEWCGROUP,
                .exit_signal = SIGCHLD,
        };
        int status;
        long pid;

        if (argc < 3) {
                fprintf(stderr, "usage: %s ROOT PROGRAM [ARG..]\n", argv[0]);
                return 64;
        }
        require(unshare(CLONE_NEWNS), "unshare");
        require(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL), "make / a slave");
        pid = syscall(SYS_clone3, &arguments, sizeof arguments);
        require((int)pid, "clone3");
        if (pid == 0) {
                enter(argv[1], argv + 2);
        }
        require(waitpid((pid_t)pid, &status, 0), "waitpid");
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
