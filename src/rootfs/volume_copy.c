/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "rootfs/internal.h"

/* What an image holds at a volume's place, copied into a new volume. It runs in the child, which
 * has the rights of the machine's root and no others: that the content is hostile does not matter
 * to the host. */

/* How deep directories may lie in each other: each level is a call and two descriptors. */
#define DEPTH_MAXIMUM 256
#define NAMES_MAXIMUM 65536

static int copy_directory(int from, int to, unsigned int depth, struct machine_error *error);

/* The user's own attributes, capabilities of programs, and access control lists. A tmpfs has not
 * all of them (user.* since Linux 6.6), and that is no reason not to start. */
static bool is_wanted(const char *name)
{
        return string_after(name, "user.") || string_after(name, "system.posix_acl_") ||
               string_equal(name, "security.capability");
}

static int copy_attribute(int from, int to, const char *name)
{
        char *value = malloc(XATTR_SIZE_MAX);
        ssize_t length = value ? fgetxattr(from, name, value, XATTR_SIZE_MAX) : -1;
        int r = value ? 0 : -ENOMEM;

        if (length >= 0 && fsetxattr(to, name, value, (size_t)length, 0) < 0 &&
            errno != EOPNOTSUPP) {
                r = -errno;
        }
        free(value);
        return r;
}

static int copy_attributes(int from, int to)
{
        _cleanup_free_ char *names = NULL;
        ssize_t length = flistxattr(from, NULL, 0);
        int r = 0;

        if (length <= 0) {
                return 0;
        }
        names = malloc(NAMES_MAXIMUM);
        length = names ? flistxattr(from, names, NAMES_MAXIMUM) : -1;
        if (length < 0) {
                return names ? -errno : -ENOMEM;
        }
        for (const char *name = names; r == 0 && name < names + length; name += strlen(name) + 1) {
                if (is_wanted(name)) {
                        r = copy_attribute(from, to, name);
                }
        }
        return r;
}

/* The owner before the mode, which a change of owner takes set-user-id from; the times last. */
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
        /* Device nodes are of no use where none may be opened, nor are sockets that nobody has. */
        return 0;
}

static int copy_directory(int from, int to, unsigned int depth, struct machine_error *error)
{
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *entry;
        int r = directory_open(from, &directory);

        while (r == 0 && (entry = readdir(directory))) {
                if (string_equal(entry->d_name, ".") || string_equal(entry->d_name, "..")) {
                        continue;
                }
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
        /* A new mount's own descriptor is an O_PATH one. */
        _cleanup_close_ int to = openat(to_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r = to < 0 ? -errno : copy_directory(from_fd, to, DEPTH_MAXIMUM, error);

        return r < 0 && !error_is_set(error) ? error_set(error, r, "cannot copy the directory") : r;
}
