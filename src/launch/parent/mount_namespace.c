/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The mount namespace in which the parent stages a machine's file systems: a copy of the host's,
 * which never changes. The parent leaves it when the machine has its own copy. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/error.h"
#include "base/rights/caller.h"
#include "launch/context.h"

/* setns(2) moves the caller to the root of the namespace. A program that was started in a chroot,
 * or whose working directory was deleted since, must return to where it was. */
static int remember_place(struct host_place *place, struct machine_error *error)
{
        place->mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
        place->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        place->directory = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return place->mounts < 0 || place->root < 0 || place->directory < 0
                       ? error_set(error, errno, "cannot open the host's mount namespace")
                       : 0;
}

void launch_forget_host_place(struct host_place *place)
{
        place->mounts = fd_close(place->mounts);
        place->root = fd_close(place->root);
        place->directory = fd_close(place->directory);
}

int launch_set_up_mount_namespace(struct launch *launch, struct machine_error *error)
{
        int r = remember_place(&launch->host, error);

        if (r < 0) {
                launch_forget_host_place(&launch->host);
                return r;
        }
        if (unshare(CLONE_NEWNS) < 0) {
                r = error_set(error, errno, "cannot create a mount namespace");
                if (r == -EPERM) {
                        error_hint(error,
                                   caller_is_inside()
                                           ? "root of this container lacks CAP_SYS_ADMIN, which "
                                             "starting a machine requires: start the container "
                                             "with --privileged"
                                           : "run as root: starting a machine requires "
                                             "CAP_SYS_ADMIN");
                }
                launch_forget_host_place(&launch->host);
                return r;
        }
        /* Slave: later mounts of the host are propagated here, but not ours to the host. */
        if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) {
                return error_set(error, errno,
                                 "cannot make the mount namespace a slave of the host's");
        }
        return 0;
}

int launch_leave_mount_namespace(struct launch *launch, struct machine_error *error)
{
        struct host_place *host = &launch->host;
        int r = 0;

        if (host->mounts < 0) {
                return 0;
        }
        if (setns(host->mounts, CLONE_NEWNS) == 0) {
                r = fchdir(host->root) < 0 || chroot(".") < 0 ? -errno : 0;
        } else if (errno == EPERM) {
                /* This requires CAP_SYS_CHROOT. Without it the namespace lives as long as this
                 * process. */
                rootfs_detach(launch->rootfs);
        } else {
                r = -errno;
        }
        if (r == 0 && fchdir(host->directory) < 0) {
                r = -errno;
        }
        launch_forget_host_place(host);
        return r < 0 ? error_set(error, r, "cannot return to the host's mount namespace") : 0;
}
