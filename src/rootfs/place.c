/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "rootfs/internal.h"

static int explain_place(const char *path, int number, struct machine_error *error)
{
        int r;

        switch (-number) {
        case ELOOP:
        case ENOTDIR:
                r = error_say(error, number,
                              "the root's /%s is not a directory but a link or a file, and "
                              "nothing is mounted over such",
                              path);
                error_hint(error, "make /%s a directory in the root", path);
                return r;
        case EXDEV:
                r = error_say(error, number, "something of the host's is mounted on the root's /%s",
                              path);
                error_hint(error, "unmount it: a machine gets its own");
                return r;
        case EROFS:
                r = error_say(error, number, "the root has no directory /%s and is read-only",
                              path);
                error_hint(error, "make the directory, or let writes go elsewhere with "
                                  "upper = \"volatile\"");
                return r;
        }
        return error_set(error, number, "cannot use /%s of the root", path);
}

static int open_place(struct rootfs *rootfs, const char *path)
{
        /* Where a root in place brings mounts of the host's along, a false /proc must not be one
         * of them. /run, which is a mount of this program's in boot, has /run/host below. */
        return string_equal(path, "proc")
                       ? path_open_no_mounts(rootfs->root_fd, path, O_PATH | O_DIRECTORY, 0)
                       : path_open_no_links(rootfs->root_fd, path, O_PATH | O_DIRECTORY, 0);
}

int rootfs_place(struct rootfs *rootfs, const char *path, struct machine_error *error)
{
        int fd = open_place(rootfs, path);

        if (fd == -ENOENT) {
                /* One that is there by now is as good; what it is, is asked below. */
                if (mkdirat(rootfs->root_fd, path, 0755) < 0 && errno != EEXIST) {
                        return explain_place(path, -errno, error);
                }
                fd = open_place(rootfs, path);
        }
        return fd < 0 ? explain_place(path, fd, error) : fd;
}

static int make_target(struct rootfs *rootfs, const char *path, bool directory)
{
        _cleanup_free_ char *parent = NULL;
        _cleanup_close_ int parent_fd = -EBADF, fd = -EBADF;
        const char *slash;

        if (directory) {
                return path_make_directory_in_root(rootfs->root_fd, path, 0755, 0, 0);
        }
        slash = strrchr(path, '/');
        if (!slash || !path_is_component(slash + 1)) {
                return -EINVAL;
        }
        parent = strndup(path, (size_t)(slash - path) + 1);
        if (!parent) {
                return -ENOMEM;
        }
        parent_fd = path_make_directory_in_root(rootfs->root_fd, parent, 0755, 0, 0);
        if (parent_fd < 0) {
                return parent_fd;
        }
        /* O_EXCL: a link that stands there is not followed, wherever it leads. */
        fd = openat(parent_fd, slash + 1, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    0644);
        if (fd < 0) {
                return -errno;
        }
        return path_open_in_root(rootfs->root_fd, path, O_PATH, 0);
}

/* Kernel file systems are this program's to lay out: a mount on them can feign a /proc that takes
 * a process' attributes or a sysctl to a file. */
static bool is_kernel_file(int fd)
{
        struct statfs info;

        return fstatfs(fd, &info) == 0 &&
               (info.f_type == PROC_SUPER_MAGIC || info.f_type == SYSFS_MAGIC ||
                info.f_type == CGROUP2_SUPER_MAGIC);
}

static int explain_target(const char *path, int number, bool create, struct machine_error *error)
{
        int r;

        switch (-number) {
        case ENOENT:
        case EEXIST:
                if (!create) {
                        r = error_say(error, number,
                                      "the mount point \"%s\" does not exist in the root", path);
                        error_hint(error, "make it, or leave out create = false");
                        return r;
                }
                r = error_say(error, number,
                              "cannot make the mount point \"%s\" in the root: a link on the way "
                              "leads nowhere",
                              path);
                error_hint(error, "make in the root what the link leads to");
                return r;
        case EROFS:
                r = error_say(error, number,
                              "the mount point \"%s\" does not exist in the root, which is "
                              "read-only",
                              path);
                error_hint(error, "make it, or let writes go elsewhere with upper = \"volatile\"");
                return r;
        }
        return error_set(error, number, "cannot use \"%s\" of the root as a mount point", path);
}

int rootfs_target(struct rootfs *rootfs, const char *path, bool directory, bool create,
                  struct machine_error *error)
{
        _cleanup_close_ int fd = path_open_in_root(rootfs->root_fd, path, O_PATH, 0);
        struct stat info;

        if (fd == -ENOENT && create) {
                fd = make_target(rootfs, path, directory);
        }
        if (fd < 0) {
                return explain_target(path, fd, create, error);
        }
        if (is_kernel_file(fd)) {
                return error_say(error, EPERM,
                                 "nothing can be mounted on \"%s\": it lies on a file system of "
                                 "the kernel's",
                                 path);
        }
        if (fstat(fd, &info) < 0) {
                return error_set(error, errno, "cannot look at \"%s\" of the root", path);
        }
        if (S_ISDIR(info.st_mode) != directory) {
                return error_say(error, directory ? ENOTDIR : EISDIR,
                                 "cannot mount on \"%s\" of the root: a %s goes there, and it is "
                                 "%s directory",
                                 path, directory ? "directory" : "file", directory ? "not a" : "a");
        }
        return TAKE_FD(fd);
}
