/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The minimum cost of a start with everything enabled: a user namespace with an id map, two
 * idmapped layers and a volatile upper, a control group, all namespaces, proc, sys, dev with nodes,
 * pts and shm, pivot_root, exec. No filter, capabilities, protected files, state, messages or error
 * reports. Static, because only the kernel is to be measured. usage: floor-all GROUP TOP BOTTOM
 * PROGRAM [ARG..]; GROUP is a directory to make in the tree of control groups. */
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/securebits.h>

/* Of <sys/mount.h>, which clashes with <linux/mount.h>. */
extern int mount(const char *, const char *, const char *, unsigned long, const void *);
extern int umount2(const char *, int);
#define DETACH 2

#define FIRST_ID 1700000000
#define SCRATCH  "/mnt/floor"

static int require(long result, const char *what)
{
        if (result < 0) {
                perror(what);
                _exit(125);
        }
        return (int)result;
}

static void write_map(pid_t pid, const char *name)
{
        char path[64], text[64];
        int length = snprintf(text, sizeof text, "0 %u 65536\n", FIRST_ID), fd;

        (void)snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
        fd = require(open(path, O_WRONLY | O_CLOEXEC), path);
        require(write(fd, text, (size_t)length), path);
        close(fd);
}

/* An idmapped, read-only clone of a layer on the scratch. */
static void add_layer(const char *source, const char *target, int users)
{
        struct mount_attr attributes = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV |
                                                     MOUNT_ATTR_IDMAP,
                                         .userns_fd = (uint64_t)users };
        int fd = require(
                syscall(SYS_open_tree, AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC),
                source);

        require(syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attributes, sizeof attributes),
                "idmap");
        require(mkdir(target, 0755), target);
        require(syscall(SYS_move_mount, fd, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH), target);
        close(fd);
}

static void make_dev(void)
{
        static const unsigned int nodes[][2] = { { 1, 3 }, { 1, 5 }, { 1, 7 },
                                                 { 1, 8 }, { 1, 9 }, { 5, 0 } };
        static const char *const names[] = { "null", "zero", "full", "random", "urandom", "tty" };
        char path[32];

        require(mkdir("dev", 0755), "dev");
        for (int i = 0; i < 6; i++) {
                (void)snprintf(path, sizeof path, "dev/%s", names[i]);
                require(mknod(path, S_IFCHR | 0666, makedev(nodes[i][0], nodes[i][1])), path);
        }
        require(mkdir("dev/pts", 0755), "pts");
        require(mkdir("dev/shm", 0755), "shm");
}

/* In the parent: the machine's root, on a scratch. */
static void build(char **layers, int users)
{
        require(unshare(CLONE_NEWNS), "unshare");
        require(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL), "make / a slave");
        (void)mkdir(SCRATCH, 0700);
        require(mount("tmpfs", SCRATCH, "tmpfs", 0, "mode=755,uid=1700000000,gid=1700000000"),
                "scratch");
        require(chdir(SCRATCH), SCRATCH);
        add_layer(layers[0], "0", users);
        add_layer(layers[1], "1", users);
        require(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP), "securebits");
        setfsgid(FIRST_ID);
        setfsuid(FIRST_ID);
        require(mkdir("upper", 0755), "upper");
        require(mkdir("work", 0755), "work");
        require(mkdir("root", 0755), "root");
        require(mount("overlay", "root", "overlay", 0, "lowerdir=0:1,upperdir=upper,workdir=work"),
                "overlay");
        make_dev();
        setfsuid(0);
        setfsgid(0);
}

static void enter(int go, char **command)
{
        char byte;

        require(read(go, &byte, 1), "go");
        require(setresgid(0, 0, 0), "setresgid");
        require(setresuid(0, 0, 0), "setresuid");
        require(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
        require(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make / private");
        require(mount("root", "root", NULL, MS_BIND | MS_REC, NULL), "bind the root");
        require(mount("proc", "root/proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL), "proc");
        require(mount("sysfs", "root/sys", "sysfs", MS_RDONLY | MS_NOSUID | MS_NOEXEC | MS_NODEV,
                      NULL),
                "sys");
        require(mount("dev", "root/dev", NULL, MS_BIND, NULL), "dev");
        require(mount("devpts", "root/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "ptmxmode=666"),
                "pts");
        require(mount("shm", "root/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777"), "shm");
        require(chdir("root"), "chdir");
        require(syscall(SYS_pivot_root, ".", "."), "pivot_root");
        require(umount2(".", DETACH), "umount");
        require(chdir("/"), "chdir");
        execv(command[0], command);
        perror(command[0]);
        _exit(127);
}

/* A process of a user namespace with the map; its namespace. */
static int open_users(pid_t pid)
{
        char path[64];

        write_map(pid, "uid_map");
        write_map(pid, "gid_map");
        (void)snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
        return require(open(path, O_RDONLY | O_CLOEXEC), path);
}

static int map_ids(void)
{
        struct clone_args arguments = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
        long pid = require(syscall(SYS_clone3, &arguments, sizeof arguments), "clone3");
        int fd;

        if (pid == 0) {
                pause();
                _exit(0);
        }
        fd = open_users((pid_t)pid);
        (void)kill((pid_t)pid, SIGKILL);
        (void)waitpid((pid_t)pid, NULL, 0);
        return fd;
}

int main(int argc, char **argv)
{
        struct clone_args arguments = {
                .flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
                         CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_INTO_CGROUP,
                .exit_signal = SIGCHLD,
        };
        int status, go[2];
        pid_t pid;

        if (argc < 5) {
                fprintf(stderr, "usage: %s GROUP TOP BOTTOM PROGRAM [ARG..]\n", argv[0]);
                return 64;
        }
        require(mkdir(argv[1], 0755), argv[1]);
        arguments.cgroup = (uint64_t)require(open(argv[1], O_PATH | O_CLOEXEC), argv[1]);
        build(argv + 2, map_ids());
        require(pipe2(go, O_CLOEXEC), "pipe");
        pid = require(syscall(SYS_clone3, &arguments, sizeof arguments), "clone3");
        if (pid == 0) {
                enter(go[0], argv + 4);
        }
        close(open_users(pid));
        require(write(go[1], "", 1), "go");
        require(waitpid(pid, &status, 0), "waitpid");
        require(rmdir(argv[1]), "rmdir");
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
