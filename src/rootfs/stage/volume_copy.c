/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "base/tree/attributes.h"
#include "base/tree/directory.h"
#include "rootfs/common/internal.h"

/* Copies the content of an image at a volume's path into a new volume. This runs in the child,
 * which only has the rights of the machine's root, so hostile content does not affect the host. */

/* The maximum depth of directories: each level needs a call and two descriptors. */
#define DEPTH_MAXIMUM 256

static int copy_directory(int from, int to, unsigned int depth, struct machine_error *error);

/* A tmpfs does not support all attributes (user.* since Linux 6.6), which does not prevent the
 * start. */
static int copy_attributes(int from, int to)
{
        _cleanup_free_ char *bytes = NULL;
        size_t length = 0;
        int r = attributes_get(from, &bytes, &length);

        if (r == 0 && bytes) {
                r = attributes_set(to, bytes, length, NULL);
        }
        return r == -EOPNOTSUPP ? 0 : r;
}

/* The owner before the mode, because chown(2) clears the set-user-ID bit; the times last. */
static int copy_metadata(int from, int to)
{
        struct stat status;
        struct timespec times[2];
        int r;

        if (fstat(from, &status) < 0 || fchown(to, status.st_uid, status.st_gid) < 0 ||
            fchmod(to, status.st_mode & 07777) < 0) {
                return -errno;
        }
        r = copy_attributes(from, to);
        times[0] = status.st_atim;
        times[1] = status.st_mtim;
        return r == 0 && futimens(to, times) < 0 ? -errno : r;
}

static int copy_file(int from_directory, int to_directory, const char *name)
{
        _cleanup_close_ int from =
                openat(from_directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
        _cleanup_close_ int to = -EBADF;
        int r;

        if (from < 0) {
                return -errno;
        }
        to = openat(to_directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (to < 0) {
                return -errno;
        }
        r = file_copy(from, to);
        return r < 0 ? r : copy_metadata(from, to);
}

static int copy_name(int to_directory, const char *name, const struct stat *status)
{
        const struct timespec times[2] = { status->st_atim, status->st_mtim };

        if (fchownat(to_directory, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
            (!S_ISLNK(status->st_mode) &&
             fchmodat(to_directory, name, status->st_mode & 07777, 0) < 0) ||
            utimensat(to_directory, name, times, AT_SYMLINK_NOFOLLOW) < 0) {
                return -errno;
        }
        return 0;
}

static int copy_link(int from_directory, int to_directory, const char *name)
{
        _cleanup_free_ char *target = calloc(1, PATH_MAX);

        if (!target) {
                return -ENOMEM;
        }
        if (readlinkat(from_directory, name, target, PATH_MAX - 1) < 0 ||
            symlinkat(target, to_directory, name) < 0) {
                return -errno;
        }
        return 0;
}

static int copy_below(int from_directory, int to_directory, const char *name, unsigned int depth,
                      struct machine_error *error)
{
        _cleanup_close_ int from =
                openat(from_directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        _cleanup_close_ int to = -EBADF;

        if (from < 0 || mkdirat(to_directory, name, 0700) < 0) {
                return -errno;
        }
        to = openat(to_directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return to < 0 ? -errno : copy_directory(from, to, depth - 1, error);
}

static int copy_entry(int from, int to, const char *name, unsigned int depth,
                      struct machine_error *error)
{
        struct stat status;
        int r;

        if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
                return -errno;
        }
        switch (status.st_mode & S_IFMT) {
        case S_IFREG:
                return copy_file(from, to, name);
        case S_IFDIR:
                return depth > 0 ? copy_below(from, to, name, depth, error) : -ELOOP;
        case S_IFLNK:
                r = copy_link(from, to, name);
                return r < 0 ? r : copy_name(to, name, &status);
        case S_IFIFO:
                r = mkfifoat(to, name, 0600) < 0 ? -errno : 0;
                return r < 0 ? r : copy_name(to, name, &status);
        }
        /* Device nodes cannot be opened in a volume, and sockets have no listener. */
        return 0;
}

static int copy_directory(int from, int to, unsigned int depth, struct machine_error *error)
{
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *entry;
        int r = directory_open(from, &directory);

        while (r == 0 && (entry = directory_next(directory))) {
                r = copy_entry(dirfd(directory), to, entry->d_name, depth, error);
                if (r < 0 && !error_is_set(error)) {
                        _cleanup_free_ char *name = string_printable(entry->d_name);

                        error_set(error, r, "cannot copy \"%s\"", name ? name : "");
                }
        }
        return r < 0 ? r : copy_metadata(dirfd(directory), to);
}

int volume_copy(int from_fd, int to_fd, struct machine_error *error)
{
        /* The descriptor of a new mount is an O_PATH one. */
        _cleanup_close_ int to = openat(to_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r = to < 0 ? -errno : copy_directory(from_fd, to, DEPTH_MAXIMUM, error);

        return r < 0 && !error_is_set(error) ? error_set(error, r, "cannot copy the directory") : r;
}
