/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_FIXTURE_H
#define ROOTFS_FIXTURE_H

/* Builds and enters a machine's root like a start, without the rest of a start: each case in its
 * own process and namespaces. The child reports a failure by its exit status. */

#include "unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "rootfs/rootfs.h"

#define FIXTURE_BASE 1000013824u /* of the id map: unassigned ids */

struct fixture {
        char directory[64];
        struct machine *machine;
        struct rootfs_parameters parameters;
        bool mapped;
        bool joins_network; /* a third namespace, whose only interface is called "joined" */
        int (*inside)(
                struct rootfs *rootfs); /* in the child after the pivot; returns 0 for success */
        void (*prepare)(struct fixture *fixture); /* in the case's own mount namespace, first */
        void (*before)(struct rootfs *rootfs);    /* in the parent after the build */
        char notes[1024];                         /* the error message, as for a user */
};

static inline void fixture_path(const struct fixture *fixture, const char *name, char path[128])
{
        snprintf(path, 128, "%s/%s", fixture->directory, name);
}

static inline void fixture_mkdir(const struct fixture *fixture, const char *name)
{
        char path[128];

        fixture_path(fixture, name, path);
        assert_int_equal(directory_make(path, 0755), 0);
}

static inline void fixture_write(const struct fixture *fixture, const char *name, const char *text)
{
        char path[128];
        int fd;

        fixture_path(fixture, name, path);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
        close(fd);
}

/* Mounts a file system on a path of the fixture. */
static inline void fixture_mount(const struct fixture *fixture, const char *name, const char *type,
                                 const char *options)
{
        char path[128];

        fixture_path(fixture, name, path);
        assert_int_equal(mount("test", path, type, 0, options), 0);
}

static inline bool has_text(const char *path, const char *expected)
{
        _cleanup_free_ char *text = NULL;

        return file_read(AT_FDCWD, path, 65536, &text, NULL) == 0 && string_equal(text, expected);
}

static inline char *fixture_read(const struct fixture *fixture, const char *name)
{
        char path[128];
        char *text = NULL;

        fixture_path(fixture, name, path);
        return file_read(AT_FDCWD, path, 65536, &text, NULL) < 0 ? NULL : text;
}

/* A machine with one layer "layer" and a volatile upper, in a temporary directory. */
static inline int fixture_setup(void **state)
{
        struct fixture *fixture = calloc(1, sizeof *fixture);
        char path[128];

        if (geteuid() != 0) {
                free(fixture);
                print_message("needs root\n");
                *state = NULL;
                return 0;
        }
        strcpy(fixture->directory, "/var/tmp/mlite-unit-XXXXXX");
        assert_non_null(mkdtemp(fixture->directory));
        fixture->mapped = true;
        fixture->machine = machine_new("unit");
        fixture->machine->root.source = MACHINE_ROOT_OVERLAY;
        fixture->machine->root.upper = MACHINE_UPPER_VOLATILE;
        fixture->machine->network.mode = MACHINE_NETWORK_NONE;
        fixture_mkdir(fixture, "layer/etc");
        fixture_write(fixture, "layer/etc/from-layer", "layer\n");
        fixture_path(fixture, "layer", path);
        strv_append(&fixture->machine->root.layers, path);
        *state = fixture;
        return 0;
}

static inline int fixture_remove(const char *path, const struct stat *info, int type,
                                 struct FTW *at)
{
        (void)info;
        (void)type;
        (void)at;
        return remove(path);
}

static inline int fixture_teardown(void **state)
{
        struct fixture *fixture = *state;

        if (fixture) {
                nftw(fixture->directory, fixture_remove, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
                machine_free(fixture->machine);
                free(fixture);
        }
        return 0;
}

static inline void fixture_write_maps(pid_t pid)
{
        char path[64], map[64];

        snprintf(map, sizeof map, "0 %u 65536\n", FIXTURE_BASE);
        snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
        assert_int_equal(file_write_value(AT_FDCWD, path, map), 0);
        snprintf(path, sizeof path, "/proc/%d/gid_map", pid);
        assert_int_equal(file_write_value(AT_FDCWD, path, map), 0);
}

/* A user namespace with the map, without a process. */
static inline int fixture_user_namespace(void)
{
        char path[64];
        int ready[2], fd;
        char byte;
        pid_t pid;

        assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
        pid = fork();
        if (pid == 0) {
                if (unshare(CLONE_NEWUSER) == 0 && write(ready[1], "", 1) == 1) {
                        pause();
                }
                _exit(1);
        }
        assert_int_equal(read(ready[0], &byte, 1), 1);
        fixture_write_maps(pid);
        snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        close(ready[0]);
        close(ready[1]);
        return fd;
}

static inline int fixture_network_namespace(void)
{
        struct ifreq request = { .ifr_name = "lo", .ifr_newname = "joined" };
        int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        int fd, control;

        assert_int_equal(unshare(CLONE_NEWNET), 0);
        fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_int_equal(ioctl(control, SIOCSIFNAME, &request), 0);
        close(control);
        assert_int_equal(setns(own, CLONE_NEWNET), 0);
        close(own);
        return fd;
}

static const struct fixture_step {
        const char *name;
        int (*run)(struct rootfs *rootfs, struct machine_error *error);
        bool when_booted;
} fixture_steps[] = {
        { "enter", rootfs_enter }, { "proc", rootfs_proc },       { "sys", rootfs_sys },
        { "dev", rootfs_dev },     { "boot", rootfs_boot, true }, { "mounts", rootfs_mounts },
        { "host", rootfs_host },   { "files", rootfs_files },
};

static inline int fixture_enter(const struct fixture *fixture, struct rootfs *rootfs,
                                struct machine_error *error)
{
        int r;

        for (size_t i = 0; i < ELEMENTS_OF(fixture_steps); i++) {
                if (fixture_steps[i].when_booted && !fixture->machine->process.boot) {
                        continue;
                }
                r = fixture_steps[i].run(rootfs, error);
                if (r < 0) {
                        return r;
                }
        }
        r = rootfs_credentials(rootfs, 0, 0, error);
        if (r == 0) {
                r = rootfs_protect(rootfs, error);
        }
        return r < 0 ? r : rootfs_pivot(rootfs, error);
}

/* In the child: returns 0, 100 with the message on the pipe, or the result of `inside`. */
static inline int fixture_child(struct fixture *fixture, struct rootfs *rootfs, int go, int report)
{
        struct machine_error error = MACHINE_ERROR_INIT;
        char byte;

        if (read(go, &byte, 1) != 1 ||
            (fixture->mapped && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))) {
                return 101;
        }
        if (fixture_enter(fixture, rootfs, &error) < 0) {
                dprintf(report, "%s", error.message ? error.message : "no message");
                return 100;
        }
        return fixture->inside ? fixture->inside(rootfs) : 0;
}

static inline int fixture_clone(struct fixture *fixture, struct rootfs *rootfs, int report[2])
{
        struct clone_args arguments = {
                .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                         CLONE_NEWCGROUP | (fixture->mapped ? CLONE_NEWUSER : 0),
                .exit_signal = SIGCHLD,
        };
        int go[2], status;
        pid_t pid;

        assert_int_equal(pipe2(go, O_CLOEXEC), 0);
        pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
        assert_true(pid >= 0);
        if (pid == 0) {
                _exit(fixture_child(fixture, rootfs, go[0], report[1]));
        }
        if (fixture->mapped) {
                fixture_write_maps(pid);
        }
        assert_int_equal(write(go[1], "", 1), 1);
        close(report[1]);
        report[1] = -1;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        close(go[0]);
        close(go[1]);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* In the process of the case. 99: the build failed; its message is on the pipe. */
static inline int fixture_process(struct fixture *fixture, int report[2])
{
        struct rootfs_parameters *parameters = &fixture->parameters;
        char state_directory[128], scratch[128];
        struct machine_error error = MACHINE_ERROR_INIT;
        struct rootfs *rootfs;
        int status;

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) {
                return 98;
        }
        if (fixture->prepare) {
                fixture->prepare(fixture);
        }
        fixture_path(fixture, "state", state_directory);
        fixture_path(fixture, "scratch", scratch);
        parameters->machine = fixture->machine;
        parameters->program_mount_fd = -EBADF;
        parameters->state_directory = state_directory;
        parameters->scratch_directory = scratch;
        parameters->network_namespace_fd =
                fixture->joins_network ? fixture_network_namespace() : -EBADF;
        parameters->user_namespace_fd = fixture->mapped ? fixture_user_namespace() : -EBADF;
        parameters->root_uid = parameters->root_gid = fixture->mapped ? FIXTURE_BASE : 0;
        if (rootfs_build(parameters, &rootfs, &error) < 0) {
                dprintf(report[1], "%s", error.message ? error.message : "no message");
                return 99;
        }
        if (fixture->before) {
                fixture->before(rootfs);
        }
        status = fixture_clone(fixture, rootfs, report);
        rootfs_free(rootfs);
        if (parameters->user_namespace_fd >= 0) {
                close(parameters->user_namespace_fd);
        }
        return status;
}

/* Runs the machine; returns the status, with an error message in fixture->notes. */
static inline int fixture_run(struct fixture *fixture)
{
        int report[2], status;
        ssize_t length;
        pid_t pid;

        assert_int_equal(pipe2(report, O_CLOEXEC), 0);
        fflush(NULL);
        pid = fork();
        if (pid == 0) {
                _exit(fixture_process(fixture, report));
        }
        close(report[1]);
        length = read(report[0], fixture->notes, sizeof fixture->notes - 1);
        fixture->notes[length > 0 ? length : 0] = '\0';
        close(report[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The machine starts and the checks inside succeed; otherwise shows the message. */
static inline void fixture_passes(struct fixture *fixture)
{
        int status = fixture_run(fixture);

        if (status != 0) {
                print_error("status %d: %s\n", status, fixture->notes);
        }
        assert_int_equal(status, 0);
}

/* The start fails with a message that contains the text. */
static inline void fixture_fails(struct fixture *fixture, const char *text)
{
        int status = fixture_run(fixture);

        if (status != 99 && status != 100) {
                print_error("status %d: %s\n", status, fixture->notes);
        }
        assert_true(status == 99 || status == 100);
        if (!strstr(fixture->notes, text)) {
                print_error("expected \"%s\" in \"%s\"\n", text, fixture->notes);
                fail();
        }
}

/* For use inside: fails with the line number. */
#define INSIDE(condition)                                                               \
        do {                                                                            \
                if (!(condition)) {                                                     \
                        fprintf(stderr, "%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, \
                                #condition, strerror(errno));                           \
                        return 1;                                                       \
                }                                                                       \
        } while (0)

#define FIXTURE_OR_SKIP(name, state)     \
        struct fixture *name = *(state); \
        if (!name) {                     \
                skip();                  \
        }

#endif
