/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/error.h"
#include "rootfs/bare/bare.h"
#include "rootfs/common/internal.h"
#include "rootfs/mount/mount.h"

/* No mounts need to be made private first: the parent's mounts are slaves of the host's, so neither
 * they nor these copies are shared, which is what pivot_root(2) requires. Staged mounts are
 * private, except for binds that follow the host. */
int rootfs_enter(struct rootfs *rootfs, struct machine_error *error)
{
        int r;

        umask(022);
        /* A mount that was copied into a less privileged namespace is locked in place, and
         * pivot_root(2) refuses it; a clone of it is not, and keeps its locked flags. */
        rootfs->root_fd = mount_clone(AT_FDCWD, STAGE_ROOT "/" STAGE_MERGED, true);
        if (rootfs->root_fd < 0) {
                return error_set(error, rootfs->root_fd,
                                 "cannot clone the mount of the machine's root");
        }
        r = mount_attach(rootfs->root_fd, AT_FDCWD, STAGE_ROOT "/" STAGE_MERGED);
        return r < 0 ? error_set(error, r, "cannot attach the machine's root") : 0;
}

void rootfs_explain_hidden(const struct rootfs *rootfs, const char *path, int number,
                           struct machine_error *error)
{
        if (number == -EPERM) {
                error_hint(error,
                           "the kernel allows this in a user namespace only where %s is fully "
                           "visible, and containers hide parts of it: %s",
                           path,
                           rootfs->by_user ? "run the container with an unmasked one, in Podman "
                                             "with --security-opt unmask=ALL"
                                           : "set user_namespace = \"none\"");
        }
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
                rootfs_explain_hidden(rootfs, "/proc", rootfs->proc_fd, error);
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
        /* Both names "." : the old root ends up on top of the new one and is unmounted there
         * (pivot_root(2), "pivot_root(".", ".")"); no directory is needed in the root. */
        if (fchdir(rootfs->root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0) {
                return error_set(error, errno, "cannot switch to the machine's root");
        }
        if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0) {
                return error_set(error, errno, "cannot unmount the host's file systems");
        }
        if (rootfs->machine->bare) {
                return bare_propagate(rootfs, error);
        }
        /* A service manager in the machine does not set the propagation of mounts, but services
         * with their own mount namespaces expect it to be shared. */
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
