/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tree/tree.h"
#include "base/tree/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/tree/mount_table.h"
#include "base/tree/walk.h"

/* How many nested directories are open at the same time. Deeper ones are first moved up. */
#define DEPTH_OPEN 64

/* ---- Mounts ---- */

static char *place_of(int directory_fd, const char *name)
{
        _cleanup_free_ char *directory = NULL;

        if (directory_fd == AT_FDCWD || path_of_descriptor(directory_fd, &directory) < 0) {
                return strdup(name);
        }
        return path_join(directory, name);
}

/* Whether the line is a mount on the mount `parent`; if so, its mount point is unescaped in place.
 * "ID PARENT MAJOR:MINOR ROOT MOUNT-POINT ..". */
static char *mount_point_on(char *line, uint64_t parent)
{
        unsigned long long id, on;
        int start = 0, end = 0;

        if (sscanf(line, "%llu %llu %*s %*s %n%*s%n", &id, &on, &start, &end) < 2 || end == 0 ||
            on != parent) {
                return NULL;
        }
        line[end] = '\0';
        mount_table_unescape(line + start);
        return line + start;
}

/* The first mounts below the tree are all on the tree's own mount. */
static int check_below(int fd, uint64_t mount, struct machine_error *error)
{
        _cleanup_free_ char *table = NULL, *path = NULL;
        char *save = NULL;
        int r = path_of_descriptor(fd, &path);

        if (r == 0) {
                r = mount_table_read(&table);
        }
        if (r < 0) {
                return error_set(error, r, "cannot determine what is mounted in a directory");
        }
        for (char *line = strtok_r(table, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                const char *place = mount_point_on(line, mount);

                if (place && path_is_below(place, path)) {
                        return mount_in_the_way(place, error);
                }
        }
        return 0;
}

/* Opens the directory that contains the tree: parent_fd itself or, for a longer path, the parent of
 * the last component. */
static int open_holder(int parent_fd, const char *name, const char **ret_name)
{
        const char *slash = strrchr(name, '/');
        _cleanup_free_ char *above = NULL;
        int fd;

        *ret_name = slash ? slash + 1 : name;
        above = slash ? strndup(name, (size_t)(slash - name) + 1) : strdup(".");
        if (!above) {
                return -ENOMEM;
        }
        fd = openat(parent_fd, above, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static int check_mounts(int holder_fd, const char *name, struct machine_error *error)
{
        _cleanup_close_ int fd = -EBADF;
        uint64_t mount, above;
        int r = mount_id(holder_fd, "", &above);

        if (r == 0) {
                r = mount_id(holder_fd, name, &mount);
        }
        if (r < 0) {
                return r == -ENOENT ? 0 : error_set(error, r, "cannot inspect %s", name);
        }
        if (mount != above) {
                _cleanup_free_ char *place = place_of(holder_fd, name);

                return mount_in_the_way(place ? place : name, error);
        }
        fd = openat(holder_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0) {
                return errno == ENOTDIR || errno == ELOOP || errno == ENOENT
                               ? 0
                               : error_set(error, errno, "cannot open %s", name);
        }
        return check_below(fd, mount, error);
}

int tree_check_mounts(int parent_fd, const char *name, struct machine_error *error)
{
        const char *last;
        _cleanup_close_ int holder = open_holder(parent_fd, name, &last);

        if (holder < 0) {
                return holder == -ENOENT ? 0 : error_set(error, holder, "cannot open %s", name);
        }
        return check_mounts(holder, last, error);
}

/* ---- Removal ---- */

struct removal {
        int top_fd;
        unsigned int number; /* of the directories that were moved up */
        bool moved;
        struct machine_error *error;
};

static int remove_failed(struct removal *removal, int number, int directory_fd, const char *name)
{
        _cleanup_free_ char *place = place_of(directory_fd, name);
        _cleanup_free_ char *printable = string_printable(place ? place : name);

        if (number == -EXDEV || number == -EBUSY) {
                return error_say(removal->error, -number, "something is mounted on %s, or uses it",
                                 printable ? printable : name);
        }
        return error_set(removal->error, number, "cannot remove %s", printable ? printable : name);
}

/* Moves a directory to the top of the tree, so that depth costs neither stack nor descriptors.
 * Replaces an empty directory of that name, but nothing else. */
static int move_up(struct removal *removal, int directory_fd, const char *name)
{
        for (;;) {
                char moved[32];

                snprintf(moved, sizeof moved, ".remove-%u", removal->number++);
                if (renameat(directory_fd, name, removal->top_fd, moved) == 0) {
                        removal->moved = true;
                        return 0;
                }
                if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR) {
                        return -errno;
                }
        }
}

static int remove_entry(struct removal *removal, int directory_fd, const char *name,
                        unsigned int depth);

static int empty_directory(struct removal *removal, int fd, unsigned int depth)
{
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *found;
        int r = directory_open(fd, &directory);

        while (r == 0 && (found = directory_next(directory))) {
                r = remove_entry(removal, dirfd(directory), found->d_name, depth);
        }
        return r;
}

/* Returns 0, or the kernel's -errno. */
static int try_remove(int directory_fd, const char *name)
{
        if (unlinkat(directory_fd, name, 0) == 0 || errno == ENOENT) {
                return 0;
        }
        if (errno != EISDIR) {
                return -errno;
        }
        if (unlinkat(directory_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT) {
                return 0;
        }
        return errno == EEXIST ? -ENOTEMPTY : -errno;
}

static int remove_entry(struct removal *removal, int directory_fd, const char *name,
                        unsigned int depth)
{
        int r = try_remove(directory_fd, name);

        if (r == -ENOTEMPTY && depth == 0) {
                r = move_up(removal, directory_fd, name);
        } else if (r == -ENOTEMPTY) {
                _cleanup_close_ int fd =
                        path_open_no_mounts(directory_fd, name, O_RDONLY | O_DIRECTORY, 0);

                r = fd < 0 ? fd : empty_directory(removal, fd, depth - 1);
                if (r < 0 && error_is_set(removal->error)) {
                        return r;
                }
                r = r < 0 ? r : try_remove(directory_fd, name);
        }
        return r < 0 ? remove_failed(removal, r, directory_fd, name) : 0;
}

static int remove_all(int holder_fd, const char *name, struct machine_error *error)
{
        _cleanup_error_ struct machine_error own = MACHINE_ERROR_INIT;
        struct removal removal = { .top_fd = -EBADF, .error = &own };
        _cleanup_close_ int top = -EBADF;
        int r = try_remove(holder_fd, name);

        if (r == -ENOTEMPTY) {
                removal.top_fd = top =
                        path_open_no_mounts(holder_fd, name, O_RDONLY | O_DIRECTORY, 0);
                r = top < 0 ? top : 0;
                do {
                        removal.moved = false;
                        r = r < 0 ? r : empty_directory(&removal, top, DEPTH_OPEN);
                } while (r == 0 && removal.moved);
                r = r < 0 ? r : try_remove(holder_fd, name);
        }
        if (r < 0 && !error_is_set(&own)) {
                remove_failed(&removal, r, holder_fd, name);
        }
        if (r < 0) {
                error_move(error, &own);
        }
        return r;
}

static int remove_tree(int parent_fd, const char *name, bool confined, struct machine_error *error)
{
        const char *last;
        _cleanup_close_ int holder = open_holder(parent_fd, name, &last);
        int r = 0;

        if (holder < 0) {
                return holder == -ENOENT ? 0 : error_set(error, holder, "cannot open %s", name);
        }
        if (!confined) {
                r = check_mounts(holder, last, error);
        }
        if (r == -EXDEV) {
                error_hint(error,
                           "nothing was removed: unmount it first, it is not part of the tree");
        }
        return r < 0 ? r : remove_all(holder, last, error);
}

int tree_remove(int parent_fd, const char *name, struct machine_error *error)
{
        return remove_tree(parent_fd, name, false, error);
}

int tree_remove_confined(int parent_fd, const char *name, struct machine_error *error)
{
        return remove_tree(parent_fd, name, true, error);
}

/* ---- Size ---- */

static int measure_file(int directory_fd, const char *name, const char *path, void *data)
{
        uint64_t *bytes = data;
        struct stat status;

        if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0) {
                return -errno;
        }
        *bytes += (uint64_t)status.st_blocks * 512 /
                  (S_ISDIR(status.st_mode) ? 1 : (uint64_t)status.st_nlink);
        return 0;
}

int tree_measure(int parent_fd, const char *name, uint64_t *ret_bytes)
{
        _cleanup_close_ int fd =
                openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        uint64_t bytes = 0;
        int r = fd < 0 ? -errno : walk_tree(fd, false, measure_file, &bytes, NULL);

        if (r == 0) {
                *ret_bytes = bytes;
        }
        return r;
}
