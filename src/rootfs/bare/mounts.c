/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The child's side: everything comes to its place, in the order of the definition. */

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "rootfs/bare/bare.h"
#include "rootfs/mount/mount.h"

static int take_staged(const struct bare_mount *staged, size_t index, struct machine_error *error)
{
        struct mount_attr left = { .propagation = MS_PRIVATE };
        char name[STAGE_NAME_BYTES];
        int fd;

        snprintf(name, sizeof name, "mount%zu", index);
        fd = mount_clone(AT_FDCWD, name, staged->options.recursive);
        if (fd < 0) {
                return error_set(error, fd, "cannot clone the mount of the source");
        }
        /* A shared one is a peer of the host's own mount. When the staged one is unmounted, what
         * lies below it would be unmounted on the host as well. */
        if (staged->options.propagation == MS_SHARED &&
            mount_setattr(AT_FDCWD, name, AT_RECURSIVE, &left, sizeof left) < 0) {
                int r = error_set(error, errno, "cannot make the staged mount private");

                fd_close(fd);
                return r;
        }
        return fd;
}

/* Copies what the file system is about to cover into it. Its own mode stays if it was asked for. */
static int copy_up(int mount, int target, const struct bare_options *options,
                   struct machine_error *error)
{
        struct stat info;
        bool has_mode = false;
        int r;

        STRV_FOREACH(word, options->data) {
                has_mode = has_mode || string_after(*word, "mode=");
        }
        if (fstat(mount, &info) < 0) {
                return error_set(error, errno, "cannot stat the new file system");
        }
        r = volume_copy(target, mount, error);
        if (r == 0 && has_mode && fchmodat(mount, ".", info.st_mode & 07777, 0) < 0) {
                r = error_set(error, errno, "cannot set the mode of the new file system");
        }
        return r;
}

static int make(struct rootfs *rootfs, size_t index, int target, struct machine_error *error)
{
        const struct machine_mount *mount = &rootfs->machine->mounts[index];
        struct bare_options options = rootfs->bare[index].options;
        _cleanup_close_ int fd = -EBADF;
        uint64_t read_only = (options.set | options.set_all) & MOUNT_ATTR_RDONLY;
        int r = 0;

        /* It is written to first. */
        if (options.copy_up) {
                options.set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
                options.set_all &= ~(uint64_t)MOUNT_ATTR_RDONLY;
        }
        fd = bare_file_system(mount, &options, rootfs->machine->security.mount_label, error);
        if (fd < 0 || !options.copy_up) {
                return TAKE_FD(fd);
        }
        r = copy_up(fd, target, &options, error);
        if (r == 0 && read_only && mount_set(fd, MOUNT_ATTR_RDONLY, false) < 0) {
                r = error_set(error, errno, "cannot make it read-only");
        }
        return r < 0 ? r : TAKE_FD(fd);
}

/* What could not be set before the mount was in its place. */
static int set_propagation(int fd, const struct bare_options *options, struct machine_error *error)
{
        struct mount_attr attr = { .propagation = options->propagation };

        if (options->propagation != MS_SHARED && options->propagation != MS_UNBINDABLE) {
                return 0;
        }
        return mount_setattr(fd, "", AT_EMPTY_PATH | (options->propagation_all ? AT_RECURSIVE : 0),
                             &attr, sizeof attr) < 0
                       ? error_set(error, errno, "cannot set the propagation of the mount")
                       : 0;
}

/* Later steps need these, whatever is mounted over them. */
static void keep(int *place, const struct machine_mount *mount, const char *type,
                 const char *target, int fd)
{
        if (*place < 0 && mount->type == MACHINE_MOUNT_FILE_SYSTEM &&
            string_equal(bare_type(mount), type) && string_equal(mount->target, target)) {
                *place = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        }
}

static int mount_one(struct rootfs *rootfs, size_t index, struct machine_error *error)
{
        const struct machine_mount *mount = &rootfs->machine->mounts[index];
        const struct bare_mount *staged = &rootfs->bare[index];
        _cleanup_close_ int target = bare_target(rootfs, mount, staged->directory, error);
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (target < 0) {
                return target;
        }
        if (staged->options.remount) {
                return bare_remount(target, &staged->options, error);
        }
        fd = staged->staged ? take_staged(staged, index, error)
                            : make(rootfs, index, target, error);
        if (fd < 0) {
                return fd;
        }
        r = mount_attach_over(fd, target);
        if (r < 0) {
                return error_set(error, r, "cannot attach it");
        }
        keep(&rootfs->proc_fd, mount, "proc", "/proc", fd);
        keep(&rootfs->pts_fd, mount, "devpts", "/dev/pts", fd);
        return set_propagation(fd, &staged->options, error);
}

/* A procfs that is nowhere in the root, for sysctls. */
static int open_procfs(struct rootfs *rootfs, struct machine_error *error)
{
        if (rootfs->proc_fd >= 0 || !rootfs->machine->sysctl) {
                return 0;
        }
        rootfs->proc_fd = mount_new("proc", NULL, MOUNT_ATTR_PSEUDO, error);
        return rootfs->proc_fd < 0 ? rootfs->proc_fd : 0;
}

int bare_mounts(struct rootfs *rootfs, struct machine_error *error)
{
        int r = 0;

        for (size_t i = 0; i < rootfs->machine->mount_count && r == 0; i++) {
                r = mount_one(rootfs, i, error);
                if (r < 0) {
                        return bare_mount_error(rootfs, i, r, error);
                }
        }
        if (r == 0) {
                r = bare_nodes(rootfs, error);
        }
        return r < 0 ? r : open_procfs(rootfs, error);
}

static const uint64_t propagations[] = {
        [MACHINE_PROPAGATION_NONE] = 0,
        [MACHINE_PROPAGATION_PRIVATE] = MS_PRIVATE,
        [MACHINE_PROPAGATION_SLAVE] = MS_SLAVE,
        [MACHINE_PROPAGATION_SHARED] = MS_SHARED,
        [MACHINE_PROPAGATION_UNBINDABLE] = MS_UNBINDABLE,
};

/* Private and slave were set before the root was cloned. */
int bare_propagate(struct rootfs *rootfs, struct machine_error *error)
{
        const struct machine_root *root = &rootfs->machine->root;
        struct mount_attr attr = { .propagation = propagations[root->propagation] };

        if (attr.propagation != MS_SHARED && attr.propagation != MS_UNBINDABLE) {
                return 0;
        }
        return mount_setattr(rootfs->root_fd, "",
                             AT_EMPTY_PATH | (root->propagation_recursive ? AT_RECURSIVE : 0),
                             &attr, sizeof attr) < 0
                       ? error_set(error, errno, "linux.rootfsPropagation: cannot set it")
                       : 0;
}
