/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "rootfs/idmap.h"
#include "rootfs/internal.h"
#include "rootfs/mount.h"

/* A sysfs shows the network devices of the namespace that mounts it, and may be mounted by who owns
 * that (sysfs(5)). A machine with a network of its own mounts one itself; for the host's or another
 * machine's the parent has to. Read-only in any case, which also tells udev to stay away. */

#define SYS_ATTRIBUTES (MOUNT_ATTR_PSEUDO | MOUNT_ATTR_RDONLY)

/* Mounts a sysfs in the network namespace given and comes back. */
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
                return error_set(error, number, "cannot go back to the host's network namespace");
        }
        return fd;
}

int sys_open(struct rootfs *rootfs, const struct rootfs_parameters *parameters,
             struct machine_error *error)
{
        const struct tree_attributes attributes = {
                .set = SYS_ATTRIBUTES,
                .propagation = MS_PRIVATE,
                .user_namespace_fd = -EBADF,
        };
        int fd;

        if (parameters->network_namespace_fd >= 0) {
                fd = mount_joined(parameters->network_namespace_fd, error);
                if (fd < 0) {
                        return fd;
                }
                rootfs->sys_clone = fd;
                return 0;
        }
        if (rootfs->machine->network.mode != MACHINE_NETWORK_HOST) {
                return 0;
        }
        /* The host's own, without what is mounted in it (cgroups, debugfs, security). */
        fd = mount_clone(AT_FDCWD, "/sys", false);
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

static int explain_sysfs(int number, struct machine_error *error)
{
        error_prefix(error, "cannot mount /sys");
        if (number == -EPERM) {
                error_hint(error, "the kernel lets a user namespace mount sysfs only where the "
                                  "host's own /sys is fully visible; inside another container it "
                                  "may not be: set user_namespace = \"none\"");
        }
        return number;
}

/* Without it most programs run, a service manager does not. */
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
                rootfs->sys_fd = mount_clone(AT_FDCWD, STAGE_SYS, false);
                if (rootfs->sys_fd < 0) {
                        return error_set(error, rootfs->sys_fd, "cannot take over /sys");
                }
        } else {
                rootfs->sys_fd = mount_new("sysfs", NULL, SYS_ATTRIBUTES, error);
                if (rootfs->sys_fd < 0) {
                        return explain_sysfs(rootfs->sys_fd, error);
                }
        }
        r = mount_attach_over(rootfs->sys_fd, place);
        if (r < 0) {
                return error_set(error, r, "cannot mount /sys");
        }
        return rootfs->machine->namespaces.cgroup ? mount_cgroup(rootfs, error) : 0;
}
