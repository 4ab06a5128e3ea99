/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rootfs/mount/bind.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/tree/mount_table.h"
#include "rootfs/mount/mount.h"

/* Kernel file systems that are in mountinfo but not in <linux/magic.h>. */
#define AUTOFS_MAGIC     0x0187
#define CONFIGFS_MAGIC   0x62656570
#define FUSE_CTL_MAGIC   0x65735543
#define MQUEUE_MAGIC     0x19800202
#define RPC_PIPEFS_MAGIC 0x67596969

/* Whether a file system has no files of users but information of the kernel, or is the host's /dev:
 * a devtmpfs, which has the magic of a tmpfs. */
static bool is_of_kernel(int fd)
{
        static const uint32_t magics[] = {
                AUTOFS_MAGIC,        BINFMTFS_MAGIC,   BPF_FS_MAGIC,    CGROUP_SUPER_MAGIC,
                CGROUP2_SUPER_MAGIC, CONFIGFS_MAGIC,   DEBUGFS_MAGIC,   DEVPTS_SUPER_MAGIC,
                EFIVARFS_MAGIC,      FUSE_CTL_MAGIC,   HUGETLBFS_MAGIC, MQUEUE_MAGIC,
                NSFS_MAGIC,          PROC_SUPER_MAGIC, PSTOREFS_MAGIC,  RDTGROUP_SUPER_MAGIC,
                RPC_PIPEFS_MAGIC,    SECURITYFS_MAGIC, SELINUX_MAGIC,   SMACK_MAGIC,
                SYSFS_MAGIC,         TRACEFS_MAGIC,
        };
        struct statfs info;
        struct stat devices, own;

        if (fstatfs(fd, &info) < 0) {
                return false;
        }
        for (size_t i = 0; i < ELEMENTS_OF(magics); i++) {
                if (magics[i] == (uint32_t)info.f_type) {
                        return true;
                }
        }
        return info.f_type == TMPFS_MAGIC && stat("/dev", &devices) == 0 && fstat(fd, &own) == 0 &&
               own.st_dev == devices.st_dev;
}

static bool is_map_refusal(int number)
{
        return number == -EINVAL || number == -EPERM || number == -EOPNOTSUPP;
}

/* Sets the attributes of one mount, without the id map if that is allowed. */
static int set_one(int fd, const struct tree_attributes *attributes, bool below, const char *path,
                   struct machine_error *error)
{
        struct tree_attributes own = *attributes;
        _cleanup_error_ struct machine_error reason = MACHINE_ERROR_INIT;
        bool lenient = is_of_kernel(fd) || (below && (attributes->set & MOUNT_ATTR_RDONLY));
        int r;

        own.recursive = false;
        r = tree_set_attributes(fd, &own, "source", path, &reason);
        if (lenient && is_map_refusal(r)) {
                own.user_namespace_fd = -EBADF;
                return tree_set_attributes(fd, &own, "source", path, error);
        }
        if (r < 0) {
                error_move(error, &reason);
        }
        return r;
}

/* The path as in mountinfo: without links. */
static int resolve(const char *source, char path[static PATH_MAX])
{
        _cleanup_close_ int fd = open(source, O_PATH | O_CLOEXEC);
        char link[64];
        ssize_t length;

        if (fd < 0) {
                return -errno;
        }
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        length = readlink(link, path, PATH_MAX - 1);
        if (length < 0) {
                return -errno;
        }
        path[length] = '\0';
        return 0;
}

/* The mount points below a directory, sorted, so that parents come first. */
static int list_below(const char *directory, char ***ret)
{
        _cleanup_free_ char *mountinfo = NULL;
        _cleanup_strv_ char **all = NULL, **below = NULL;
        int r = mount_table_read(&mountinfo);

        if (r == 0) {
                r = mount_table_list(mountinfo, NULL, NULL, &all);
        }
        STRV_FOREACH(path, all) {
                if (r == 0 && path_is_below(*path, directory) && !string_equal(*path, directory)) {
                        r = strv_append(&below, *path);
                }
        }
        if (r < 0) {
                return r;
        }
        strv_sort(below);
        *ret = TAKE_PTR(below);
        return 0;
}

/* Whether a path is the visible root of a mount, not hidden by another one above. */
static bool is_mount_point(const char *path)
{
        struct statx info;

        return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &info) ==
                       0 &&
               (info.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* A mount that cannot be cloned is marked unbindable (MS_UNBINDABLE); a recursive bind leaves it
 * out as well. */
static int open_part(const char *path, const char *below, const struct tree_attributes *attributes,
                     struct bind *bind, struct machine_error *error)
{
        struct bind_part *part = &bind->parts[bind->part_count];
        _cleanup_close_ int fd =
                is_mount_point(path) ? mount_clone(AT_FDCWD, path, false) : -EINVAL;
        int r;

        if (fd < 0) {
                return fd == -EINVAL || fd == -ENOENT || fd == -EACCES
                               ? 0
                               : error_set(error, fd, "cannot open the source \"%s\"", path);
        }
        r = set_one(fd, attributes, true, path, error);
        if (r < 0) {
                return r;
        }
        part->path = strdup(below);
        if (!part->path) {
                return error_oom(error);
        }
        part->fd = TAKE_FD(fd);
        bind->part_count++;
        return 0;
}

/* Each mount is cloned separately: mount_setattr(2) only accepts the root of a detached tree, and
 * applies the id map to all of its mounts or none. */
static int open_parts(const char *source, const struct tree_attributes *attributes,
                      struct bind *bind, struct machine_error *error)
{
        _cleanup_strv_ char **paths = NULL;
        char directory[PATH_MAX];
        size_t skip;
        int r = resolve(source, directory);

        if (r == 0) {
                r = list_below(directory, &paths);
        }
        if (r < 0) {
                return error_set(error, r, "cannot list what is mounted below \"%s\"", source);
        }
        bind->parts = calloc(strv_length(paths) + 1, sizeof *bind->parts);
        if (!bind->parts) {
                return error_oom(error);
        }
        skip = string_equal(directory, "/") ? 1 : strlen(directory) + 1;
        STRV_FOREACH(path, paths) {
                if (path > paths && string_equal(path[0], path[-1])) {
                        continue;
                }
                r = open_part(*path, *path + skip, attributes, bind, error);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int explain_open(const char *source, int number, struct machine_error *error)
{
        if (number != -ENOENT) {
                return error_set(error, number, "cannot open the source \"%s\"", source);
        }
        error_say(error, ENOENT, "the source \"%s\" does not exist on the host", source);
        error_kind(error, MACHINE_ERROR_NO_INPUT);
        return number;
}

int bind_open(const char *source, const struct tree_attributes *attributes, struct bind *ret,
              struct machine_error *error)
{
        _cleanup_error_ struct machine_error reason = MACHINE_ERROR_INIT;
        int r;

        ret->fd = mount_clone(AT_FDCWD, source, attributes->recursive);
        if (ret->fd < 0) {
                return explain_open(source, ret->fd, error);
        }
        r = tree_set_attributes(ret->fd, attributes, "source", source, &reason);
        if (r == 0) {
                return 0;
        }
        if (attributes->user_namespace_fd < 0 || !is_map_refusal(r)) {
                error_move(error, &reason);
                return r;
        }
        fd_close(ret->fd);
        ret->fd = mount_clone(AT_FDCWD, source, false);
        if (ret->fd < 0) {
                return explain_open(source, ret->fd, error);
        }
        r = set_one(ret->fd, attributes, false, source, error);
        return r == 0 && attributes->recursive ? open_parts(source, attributes, ret, error) : r;
}

int bind_attach(const struct bind *bind, int directory_fd, const char *name)
{
        _cleanup_close_ int top = -EBADF;
        int r = mount_attach(bind->fd, directory_fd, name);

        if (r < 0 || bind->part_count == 0) {
                return r;
        }
        top = openat(directory_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (top < 0) {
                return -errno;
        }
        for (size_t i = 0; i < bind->part_count && r == 0; i++) {
                _cleanup_close_ int place = path_open_no_links(top, bind->parts[i].path, O_PATH, 0);

                /* The directory was removed on the host since, and the mount with it. */
                if (place == -ENOENT) {
                        continue;
                }
                r = place < 0 ? place : mount_attach_over(bind->parts[i].fd, place);
        }
        return r;
}

void bind_clear(struct bind *bind)
{
        fd_close(bind->fd);
        for (size_t i = 0; i < bind->part_count; i++) {
                free(bind->parts[i].path);
                fd_close(bind->parts[i].fd);
        }
        free(bind->parts);
        *bind = (struct bind)BIND_INIT;
}
