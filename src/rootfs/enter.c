/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/error.h"
#include "rootfs/internal.h"
#include "rootfs/mount.h"

/* Nothing has to be made private first: the parent's mounts are slaves of the host's, so that none
 * of them or of these copies is shared, which is all that pivot_root(2) asks; what it staged is
 * private but for binds that are to follow the host. */
int rootfs_enter(struct rootfs *rootfs, struct machine_error *error)
{
        int r;

        umask(022);
        /* A mount that was copied into a less privileged namespace is locked to its place, and
         * pivot_root(2) refuses it; a clone of it is free, and keeps its locked flags. */
        rootfs->root_fd = mount_clone(AT_FDCWD, STAGE_ROOT "/" STAGE_MERGED, true);
        if (rootfs->root_fd < 0) {
                return error_set(error, rootfs->root_fd, "cannot take over the machine's root");
        }
        r = mount_attach(rootfs->root_fd, AT_FDCWD, STAGE_ROOT "/" STAGE_MERGED);
        return r < 0 ? error_set(error, r, "cannot attach the machine's root") : 0;
}

int rootfs_proc(struct rootfs *rootfs, struct machine_error *error)
{
        _cleanup_close_ int place = rootfs_place(rootfs, "proc", error);
        int r;

        if (place < 0) {
                return place;
        }
        rootfs->proc_fd = mount_new("proc", NULL, MOUNT_ATTR_PSEUDO, error);
        if (rootfs->proc_fd < 0) {
                error_prefix(error, "cannot mount /proc");
                if (rootfs->proc_fd == -EPERM) {
                        error_hint(error,
                                   "the kernel lets a user namespace mount proc only where the "
                                   "host's own /proc is fully visible; inside another container "
                                   "it may not be: set user_namespace = \"none\"");
                }
                return rootfs->proc_fd;
        }
        r = mount_attach_over(rootfs->proc_fd, place);
        return r < 0 ? error_set(error, r, "cannot mount /proc") : 0;
}

int rootfs_pivot(struct rootfs *rootfs, struct machine_error *error)
{
        int r;

        if (rootfs->read_only) {
                r = mount_set(rootfs->root_fd, MOUNT_ATTR_RDONLY, false);
                if (r < 0) {
                        return error_set(error, r, "cannot make the machine's root read-only");
                }
        }
        /* Both names "." : the old root ends up on top of the new one, from where it is taken off
         * (pivot_root(2), "pivot_root(".", ".")"); no directory is needed in the root. */
        if (fchdir(rootfs->root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0) {
                return error_set(error, errno, "cannot make the machine's root its \"/\"");
        }
        if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0) {
                return error_set(error, errno, "cannot let go of the host's file systems");
        }
        /* A service manager leaves the propagation of mounts to who started it, and its services
         * with mount namespaces of their own expect it shared. */
        if (rootfs->machine->process.boot && mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0) {
                return error_set(error, errno, "cannot make the machine's mounts shared");
        }
        return 0;
}

int rootfs_root(const struct rootfs *rootfs)
{
        return rootfs->root_fd;
}

int rootfs_procfs(const struct rootfs *rootfs)
{
        return rootfs->proc_fd;
}
