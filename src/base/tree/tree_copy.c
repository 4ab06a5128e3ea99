/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tree/tree_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <search.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "base/tree/tree.h"
#include "base/tree/walk.h"

#define ATTRIBUTES_MAXIMUM 65536

/* The first name of a file with several. */
struct linked {
        dev_t device;
        ino_t inode;
        char path[];
};

struct copying {
        int to;       /* the copy's root */
        void *linked; /* of tsearch(3) */
        char *names, *value;
        char **directories; /* whose times are set last */
        struct machine_error *error;
};

static int compare_linked(const void *a, const void *b)
{
        const struct linked *left = a, *right = b;

        if (left->device != right->device) {
                return left->device < right->device ? -1 : 1;
        }
        return left->inode < right->inode ? -1 : left->inode > right->inode;
}

/* ---- Attributes ---- */

static int copy_attribute(const struct copying *copying, const char *from, const char *to,
                          const char *name)
{
        ssize_t length = lgetxattr(from, name, copying->value, ATTRIBUTES_MAXIMUM);

        if (length < 0) {
                return errno == ENODATA ? 0 : -errno;
        }
        return lsetxattr(to, name, copying->value, (size_t)length, 0) < 0 ? -errno : 0;
}

/* Labels belong to the place of a file. */
static bool is_label(const char *name)
{
        return string_after(name, "security.") && strcmp(name, "security.capability") != 0;
}

static int copy_attributes(const struct copying *copying, const char *from, const char *to)
{
        ssize_t length = llistxattr(from, copying->names, ATTRIBUTES_MAXIMUM);
        int r = 0;

        if (length < 0) {
                return errno == EOPNOTSUPP ? 0 : -errno;
        }
        for (const char *name = copying->names; r == 0 && name < copying->names + length;
             name += strlen(name) + 1) {
                r = is_label(name) ? 0 : copy_attribute(copying, from, to, name);
        }
        return r;
}

/* The owner before the mode, because chown(2) clears the set-user-ID bit, and both before the
 * capabilities, which it clears as well. */
static int copy_metadata(const struct copying *copying, const char *from, const char *to,
                         const struct stat *status)
{
        const struct timespec times[2] = { status->st_atim, status->st_mtim };
        int r;

        if (lchown(to, status->st_uid, status->st_gid) < 0 ||
            (!S_ISLNK(status->st_mode) && chmod(to, status->st_mode & 07777) < 0)) {
                return -errno;
        }
        r = copy_attributes(copying, from, to);
        return r == 0 && utimensat(AT_FDCWD, to, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : r;
}

/* ---- Files ---- */

static int copy_content(const char *from_path, const char *to_path)
{
        _cleanup_close_ int from = open(from_path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
        _cleanup_close_ int to = -EBADF;

        if (from < 0) {
                return -errno;
        }
        to = open(to_path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (to < 0) {
                return -errno;
        }
        return ioctl(to, FICLONE, from) == 0 ? 0 : file_copy_sparse(from, to);
}

static int copy_link(const char *from, const char *to)
{
        char target[PATH_MAX + 1];
        ssize_t length = readlink(from, target, PATH_MAX);

        if (length < 0) {
                return -errno;
        }
        target[length] = '\0';
        return symlink(target, to) < 0 ? -errno : 0;
}

/* 1 if the file has been linked to its copy under another name. */
static int link_copy(struct copying *copying, const struct stat *status, const char *path,
                     const char *to)
{
        struct linked *item = calloc(1, sizeof *item + strlen(path) + 1);
        struct linked **known;

        if (!item) {
                return -ENOMEM;
        }
        item->device = status->st_dev;
        item->inode = status->st_ino;
        strcpy(item->path, path);
        known = tsearch(item, &copying->linked, compare_linked);
        if (!known || *known == item) {
                if (!known) {
                        free(item);
                }
                return known ? 0 : -ENOMEM;
        }
        free(item);
        return linkat(copying->to, (*known)->path, AT_FDCWD, to, 0) < 0 ? -errno : 1;
}

static int make(struct copying *copying, const char *from, const char *to, const char *path,
                const struct stat *status)
{
        mode_t type = status->st_mode & S_IFMT;
        int r = status->st_nlink > 1 && type != S_IFDIR ? link_copy(copying, status, path, to) : 0;

        if (r != 0) {
                return r;
        }
        switch (type) {
        case S_IFREG:
                return copy_content(from, to);
        case S_IFDIR:
                return mkdir(to, 0700) < 0 ? -errno : strv_append(&copying->directories, path);
        case S_IFLNK:
                return copy_link(from, to);
        default:
                return mknod(to, type | 0600, status->st_rdev) < 0 ? -errno : 0;
        }
}

static char *path_in(int directory_fd, const char *name)
{
        return string_format("/proc/self/fd/%d/%s", directory_fd, name);
}

static int fail(const struct copying *copying, int number, const char *path)
{
        _cleanup_free_ char *printable = string_printable(path);

        return error_set(copying->error, number, "cannot copy \"%s\"", printable ? printable : "");
}

static int visit(int directory_fd, const char *name, const char *path, void *data)
{
        struct copying *copying = data;
        _cleanup_free_ char *from = NULL, *to = NULL;
        struct stat status;
        int r;

        if (!*path) {
                return 0; /* the root has been made */
        }
        from = path_in(directory_fd, name);
        to = path_in(copying->to, path);
        if (!from || !to) {
                return -ENOMEM;
        }
        if (lstat(from, &status) < 0) {
                return fail(copying, -errno, path);
        }
        if (S_ISSOCK(status.st_mode)) {
                return 0;
        }
        r = make(copying, from, to, path, &status);
        r = r != 0 ? r : copy_metadata(copying, from, to, &status);
        return r < 0 ? fail(copying, r, path) : 0;
}

/* What was made in a directory has changed its times. The deepest come last in the list. */
static int settle_times(const struct copying *copying, int from_root)
{
        for (size_t i = strv_length(copying->directories); i > 0; i--) {
                const char *path = copying->directories[i - 1];
                struct stat status;

                if (fstatat(from_root, path, &status, AT_SYMLINK_NOFOLLOW) < 0) {
                        return -errno;
                }
                {
                        const struct timespec times[2] = { status.st_atim, status.st_mtim };

                        if (utimensat(copying->to, path, times, AT_SYMLINK_NOFOLLOW) < 0) {
                                return -errno;
                        }
                }
        }
        return 0;
}

static int copy_root(struct copying *copying, int from, struct machine_error *error)
{
        _cleanup_free_ char *from_path = path_in(from, "."), *to_path = path_in(copying->to, ".");
        struct stat status;
        int r = from_path && to_path ? walk_tree(from, false, visit, copying, error) : -ENOMEM;

        r = r < 0 ? r : settle_times(copying, from);
        if (r == 0) {
                r = fstat(from, &status) < 0 ? -errno
                                             : copy_metadata(copying, from_path, to_path, &status);
        }
        return r;
}

int tree_copy(int from_parent, const char *from, int to_parent, const char *to,
              struct machine_error *error)
{
        struct copying copying = { .to = -EBADF, .error = error };
        _cleanup_close_ int source = -EBADF;
        int r = tree_check_mounts(from_parent, from, error);

        if (r < 0) {
                return r;
        }
        source = openat(from_parent, from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (source < 0 || mkdirat(to_parent, to, 0700) < 0) {
                return error_set(error, errno, "cannot copy %s to %s", from, to);
        }
        copying.to = openat(to_parent, to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        copying.names = malloc(ATTRIBUTES_MAXIMUM);
        copying.value = malloc(ATTRIBUTES_MAXIMUM);
        r = copying.to < 0                     ? -errno
            : !copying.names || !copying.value ? -ENOMEM
                                               : copy_root(&copying, source, error);
        if (r < 0 && !error_is_set(error)) {
                error_set(error, r, "cannot copy %s", from);
        }
        while (copying.linked) {
                struct linked *item = *(struct linked **)copying.linked;

                (void)tdelete(item, &copying.linked, compare_linked);
                free(item);
        }
        strv_free(copying.directories);
        free(copying.names);
        free(copying.value);
        fd_close(copying.to);
        return r;
}
