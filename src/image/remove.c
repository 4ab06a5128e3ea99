/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/remove.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strings.h"
#include "image/walk.h"

/* Opens a directory without following a link. */
static int open_directory(int parent_fd, const char *name, DIR **ret)
{
        _cleanup_close_ int fd =
                openat(parent_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? -errno : directory_open(fd, ret);
}

static bool is_dot(const char *name)
{
        return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Removes the files of a directory; its sub-directories are moved up beside it, under a name that
 * nothing has: so the tree gets flat instead of the stack deep. */
static int empty_directory(int parent_fd, const char *name, unsigned int *number)
{
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *found;
        int r = open_directory(parent_fd, name, &directory);

        if (r < 0) {
                return r;
        }
        while ((found = readdir(directory))) {
                _cleanup_free_ char *moved = NULL;

                if (is_dot(found->d_name) || unlinkat(dirfd(directory), found->d_name, 0) == 0) {
                        continue;
                }
                if (errno != EISDIR && errno != EPERM) {
                        return -errno;
                }
                if (unlinkat(dirfd(directory), found->d_name, AT_REMOVEDIR) == 0) {
                        continue;
                }
                if (errno != ENOTEMPTY && errno != EEXIST) {
                        return -errno;
                }
                moved = string_format(".remove-%d-%u", (int)getpid(), (*number)++);
                if (!moved) {
                        return -ENOMEM;
                }
                if (renameat(dirfd(directory), found->d_name, parent_fd, moved) < 0) {
                        return -errno;
                }
        }
        return 0;
}

static int remove_directory(int parent_fd, const char *name)
{
        unsigned int first = 0, next = 0;
        int r = empty_directory(parent_fd, name, &next);

        if (r < 0) {
                return r;
        }
        for (; first < next; first++) {
                _cleanup_free_ char *moved = string_format(".remove-%d-%u", (int)getpid(), first);

                if (!moved) {
                        return -ENOMEM;
                }
                r = empty_directory(parent_fd, moved, &next);
                if (r < 0 && r != -ENOENT) {
                        return r;
                }
                if (unlinkat(parent_fd, moved, AT_REMOVEDIR) < 0 && errno != ENOENT) {
                        return -errno;
                }
        }
        return unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

int remove_tree(int parent_fd, const char *name)
{
        if (unlinkat(parent_fd, name, 0) == 0 || errno == ENOENT) {
                return 0;
        }
        if (errno != EISDIR && errno != EPERM) {
                return -errno;
        }
        return remove_directory(parent_fd, name);
}

struct measure {
        uint64_t bytes;
        uint64_t files;
};

static int measure_file(int directory_fd, const char *name, const char *path, void *data)
{
        struct measure *measure = data;
        struct stat status;

        if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0) {
                return -errno;
        }
        measure->bytes +=
                (uint64_t)status.st_blocks * 512 / (S_ISDIR(status.st_mode) ? 1 : status.st_nlink);
        measure->files++;
        return 0;
}

int measure_tree(int parent_fd, const char *name, uint64_t *ret_bytes, uint64_t *ret_files)
{
        _cleanup_close_ int fd =
                openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct measure measure = { 0 };
        int r = fd < 0 ? -errno : walk_tree(fd, false, measure_file, &measure);

        if (r == 0) {
                *ret_bytes = measure.bytes;
                if (ret_files) {
                        *ret_files = measure.files;
                }
        }
        return r;
}
