/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process/process.h"
#include "rootfs/common/internal.h"
#include "rootfs/mount/idmap.h"
#include "rootfs/mount/mount.h"

/* A sysfs shows the network devices of the namespace that mounts it, and only the owner of that may
 * mount it (sysfs(5)). A machine with its own network mounts one itself; for the host's or another
 * machine's network the parent has to. It is always read-only, which also disables udev. */

#define SYS_ATTRIBUTES (MOUNT_ATTR_PSEUDO | MOUNT_ATTR_RDONLY)

/* Mounts a sysfs in the given network namespace and returns to the host's. */
static int mount_joined(int network_namespace_fd, struct machine_error *error)
{
        _cleanup_close_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        int fd, number;

        if (own < 0) {
                return error_set(error, errno, "cannot open the network namespace of the host");
        }
        if (setns(network_namespace_fd, CLONE_NEWNET) < 0) {
                return error_set(error, errno, "cannot join the network namespace for /sys");
        }
        fd = mount_new("sysfs", NULL, SYS_ATTRIBUTES, error);
        number = setns(own, CLONE_NEWNET) < 0 ? errno : 0;
        if (number) {
                fd_close(fd);
                return error_set(error, number, "cannot return to the host's network namespace");
        }
        return fd;
}

/* The descriptor, in the table that the caller shares, or -errno. */
static int mount_and_report(int network_namespace_fd, int report)
{
        int fd = setns(network_namespace_fd, CLONE_NEWNET) < 0
                         ? -errno
                         : mount_new("sysfs", NULL, SYS_ATTRIBUTES, NULL);

        return write(report, &fd, sizeof(fd)) == sizeof(fd) ? 0 : 1;
}

/* The same for a user, who could not return to the host's network namespace: in a process of its
 * own, which shares only the descriptors. */
static int mount_joined_by_user(const struct rootfs *rootfs, int network_namespace_fd,
                                struct machine_error *error)
{
        int result = -ECHILD;
        int ends[2];
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0) {
                return error_set(error, errno, "cannot create a pipe");
        }
        pid = process_fork(CLONE_FILES, NULL);
        if (pid == 0) {
                _exit(mount_and_report(network_namespace_fd, ends[1]));
        }
        if (pid < 0) {
                result = pid;
        } else if (process_wait(pid) == 0) {
                (void)!read(ends[0], &result, sizeof(result));
        }
        fd_close(ends[0]);
        fd_close(ends[1]);
        if (result < 0) {
                error_set(error, result, "cannot mount /sys for the network namespace to share");
                rootfs_explain_hidden(rootfs, "/sys", result, error);
        }
        return result;
}

int sys_open(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
             struct machine_error *error)
{
        const struct tree_attributes attributes = {
                .set = SYS_ATTRIBUTES,
                .propagation = MS_PRIVATE,
                .recursive = rootfs->by_user,
                .user_namespace_fd = -EBADF,
        };
        int fd;

        if (parameters->network_namespace_fd >= 0) {
                fd = rootfs->by_user
                             ? mount_joined_by_user(rootfs, parameters->network_namespace_fd, error)
                             : mount_joined(parameters->network_namespace_fd, error);
                if (fd < 0) {
                        return fd;
                }
                rootfs->sys_clone = fd;
                return 0;
        }
        if (rootfs->machine->network.mode != MACHINE_NETWORK_HOST) {
                return 0;
        }
        /* The host's, without the mounts in it (cgroups, debugfs, security). For a user they are
         * locked, and what they cover must not be uncovered. */
        fd = mount_clone(AT_FDCWD, "/sys", rootfs->by_user);
        if (fd < 0) {
                return error_set(error, fd, "cannot open the host's /sys");
        }
        rootfs->sys_clone = fd;
        return tree_set_attributes(fd, &attributes, "file system", "/sys", error);
}

int sys_stage(struct rootfs *rootfs, struct machine_error *error)
{
        int r;

        if (rootfs->sys_clone < 0) {
                return 0;
        }
        r = mkdirat(rootfs->scratch_fd, STAGE_SYS, 0755) < 0
                    ? -errno
                    : mount_attach(rootfs->sys_clone, rootfs->scratch_fd, STAGE_SYS);
        if (r < 0) {
                return error_set(error, r, "cannot stage /sys");
        }
        return 0;
}

/* Most programs run without it, but not a service manager. */
static int mount_cgroup(struct rootfs *rootfs, struct machine_error *error)
{
        struct machine_error reason = MACHINE_ERROR_INIT;
        int r, fd = mount_new("cgroup2", NULL, MOUNT_ATTR_PSEUDO, &reason);

        r = fd < 0 ? fd : mount_attach(fd, rootfs->sys_fd, "fs/cgroup");
        fd_close(fd);
        if (r == 0) {
                return 0;
        }
        if (fd >= 0) {
                error_set(&reason, r, "cannot attach it");
        }
        if (rootfs->machine->process.boot) {
                error_move(error, &reason);
                error_prefix(error, "cannot mount /sys/fs/cgroup, which a service manager needs");
                return r;
        }
        rootfs_note(rootfs, "no /sys/fs/cgroup in the machine: %s",
                    reason.message ? reason.message : "");
        machine_error_clear(&reason);
        return 0;
}

int rootfs_sys(struct rootfs *rootfs, struct machine_error *error)
{
        _cleanup_close_ int place = rootfs_place(rootfs, "sys", error);
        int r;

        if (place < 0) {
                return place;
        }
        if (rootfs->sys_clone >= 0) {
                rootfs->sys_fd = mount_clone(AT_FDCWD, STAGE_SYS, rootfs->by_user);
                if (rootfs->sys_fd < 0) {
                        return error_set(error, rootfs->sys_fd, "cannot clone the mount of /sys");
                }
        } else {
                rootfs->sys_fd = mount_new("sysfs", NULL, SYS_ATTRIBUTES, error);
                if (rootfs->sys_fd < 0) {
                        error_prefix(error, "cannot mount /sys");
                        rootfs_explain_hidden(rootfs, "/sys", rootfs->sys_fd, error);
                        return rootfs->sys_fd;
                }
        }
        r = mount_attach_over(rootfs->sys_fd, place);
        if (r < 0) {
                return error_set(error, r, "cannot mount /sys");
        }
        return rootfs->machine->namespaces.cgroup && !rootfs->ungrouped
                       ? mount_cgroup(rootfs, error)
                       : 0;
}
