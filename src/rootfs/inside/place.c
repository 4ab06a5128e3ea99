/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "rootfs/common/internal.h"

static int explain_place(const char *path, int number, struct machine_error *error)
{
        int r;

        switch (-number) {
        case ELOOP:
        case ENOTDIR:
                r = error_say(
                        error, number,
                        "the root's /%s is a link or a file, but must be a directory to mount on",
                        path);
                error_hint(error, "make /%s a directory in the root", path);
                return r;
        case EXDEV:
                r = error_say(error, number, "the host has a mount on the root's /%s", path);
                error_hint(error, "unmount it: the machine gets its own");
                return r;
        case EROFS:
                r = error_say(error, number, "the root has no directory /%s and is read-only",
                              path);
                error_hint(error, "create the directory, or let writes go elsewhere with "
                                  "upper = \"volatile\"");
                return r;
        }
        return error_set(error, number, "cannot use /%s of the root", path);
}

static int open_place(struct rootfs *rootfs, const char *path)
{
        /* A root that is used in place includes mounts of the host, and a fake /proc must not be
         * one of them. /run, which this program mounts with boot, has /run/host below. */
        return string_equal(path, "proc")
                       ? path_open_no_mounts(rootfs->root_fd, path, O_PATH | O_DIRECTORY, 0)
                       : path_open_no_links(rootfs->root_fd, path, O_PATH | O_DIRECTORY, 0);
}

int rootfs_place(struct rootfs *rootfs, const char *path, struct machine_error *error)
{
        int fd = open_place(rootfs, path);

        if (fd == -ENOENT) {
                /* If it exists by now, that is fine; its type is checked below. */
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
        /* O_EXCL: an existing link is not followed. */
        fd = openat(parent_fd, slash + 1, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    0644);
        if (fd < 0) {
                return -errno;
        }
        return path_open_in_root(rootfs->root_fd, path, O_PATH, 0);
}

/* Only this program mounts on kernel file systems: a mount there could fake a /proc in which a
 * process attribute or a sysctl is an ordinary file. */
static bool is_kernel_file(int fd)
{
        struct statfs info;

        return fstatfs(fd, &info) == 0 &&
               (info.f_type == PROC_SUPER_MAGIC || info.f_type == SYSFS_MAGIC ||
                info.f_type == CGROUP2_SUPER_MAGIC);
}

/* Whether a path of the root is /run/host or below it, whichever links it contains. */
static bool is_run_host(const struct rootfs *rootfs, int fd)
{
        char link[64], top[PATH_MAX], place[PATH_MAX];
        const int fds[] = { rootfs->root_fd, fd };
        char *const texts[] = { top, place };

        for (size_t i = 0; i < ELEMENTS_OF(fds); i++) {
                ssize_t length;

                snprintf(link, sizeof link, "/proc/self/fd/%d", fds[i]);
                length = readlink(link, texts[i], PATH_MAX - 1);
                if (length < 0) {
                        return false;
                }
                texts[i][length] = '\0';
        }
        return path_is_below(place, top) && path_is_below(place + strlen(top), "/run/host");
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
                        error_hint(error, "create it, or leave out create = false");
                        return r;
                }
                r = error_say(error, number,
                              "cannot create the mount point \"%s\" in the root: its path contains "
                              "a dangling link",
                              path);
                error_hint(error, "create the target of the link in the root");
                return r;
        case EROFS:
                r = error_say(error, number,
                              "the mount point \"%s\" does not exist in the root, which is "
                              "read-only",
                              path);
                error_hint(error,
                           "create it, or let writes go elsewhere with upper = \"volatile\"");
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
                                 "cannot mount on \"%s\": it is on a kernel file system", path);
        }
        if (is_run_host(rootfs, fd)) {
                return error_say(error, EPERM,
                                 "cannot mount on \"%s\": it is in /run/host, which is reserved",
                                 path);
        }
        if (fstat(fd, &info) < 0) {
                return error_set(error, errno, "cannot stat \"%s\" of the root", path);
        }
        if (S_ISDIR(info.st_mode) != directory) {
                return error_say(error, directory ? ENOTDIR : EISDIR,
                                 "cannot mount on \"%s\" of the root: the source is a %s, but this "
                                 "is %s directory",
                                 path, directory ? "directory" : "file", directory ? "not a" : "a");
        }
        return TAKE_FD(fd);
}
