/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tree/walk.h"
#include "base/tree/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/tree/mount_table.h"

struct walk {
        walk_visit visit;
        void *data;
        bool sorted;
        int root_fd;
        uint64_t mount; /* of the tree */
        struct machine_error *error;
        char *path;
        size_t room;
        unsigned int depth;
};

static int walk_directory(struct walk *walk, int fd, size_t length);

static int append(struct walk *walk, size_t length, const char *name)
{
        size_t needed = length + strlen(name) + 2;

        if (needed > walk->room) {
                char *grown = realloc(walk->path, needed * 2);

                if (!grown) {
                        return -ENOMEM;
                }
                walk->path = grown;
                walk->room = needed * 2;
        }
        if (length > 0) {
                walk->path[length++] = '/';
        }
        strcpy(walk->path + length, name);
        return 0;
}

static int check_mount(const struct walk *walk, int directory_fd, const char *name)
{
        _cleanup_free_ char *root = NULL, *place = NULL;
        uint64_t mount;
        int r = mount_id(directory_fd, name, &mount);

        if (r < 0 || mount == walk->mount) {
                return r;
        }
        if (path_of_descriptor(walk->root_fd, &root) == 0) {
                place = path_join(root, walk->path);
        }
        return mount_in_the_way(place ? place : walk->path, walk->error);
}

static int walk_entry(struct walk *walk, int directory_fd, const char *name, unsigned char type,
                      size_t length)
{
        _cleanup_close_ int fd = -EBADF;
        int r = append(walk, length, name);

        if (r == 0) {
                r = check_mount(walk, directory_fd, name);
        }
        if (r == 0) {
                r = walk->visit(directory_fd, name, walk->path, walk->data);
        }
        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (type != DT_DIR && type != DT_UNKNOWN) {
                return 0;
        }
        fd = path_open_no_mounts(directory_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        if (fd < 0) {
                return fd == -ENOTDIR || fd == -ELOOP ? 0 : fd;
        }
        if (walk->depth >= WALK_DEPTH_MAX) {
                return -ELOOP;
        }
        walk->depth++;
        r = walk_directory(walk, fd, strlen(walk->path));
        walk->depth--;
        return r;
}

static int compare_names(const void *a, const void *b)
{
        /* The type precedes the name. */
        return strcmp(*(char *const *)a + 1, *(char *const *)b + 1);
}

static int walk_sorted(struct walk *walk, DIR *directory, size_t length)
{
        _cleanup_free_ char **names = NULL;
        size_t count = 0, room = 0;
        const struct dirent *found;
        int r = 0;

        while (r == 0 && (found = directory_next(directory))) {
                if (count == room) {
                        char **grown =
                                reallocarray(names, room = room ? room * 2 : 64, sizeof *names);

                        if (!grown) {
                                r = -ENOMEM;
                                break;
                        }
                        names = grown;
                }
                names[count] = string_format("%c%s", 'A' + found->d_type, found->d_name);
                r = names[count] ? 0 : -ENOMEM;
                count += names[count] != NULL;
        }
        if (count > 1) {
                qsort(names, count, sizeof *names, compare_names);
        }
        for (size_t i = 0; i < count; i++) {
                if (r == 0) {
                        r = walk_entry(walk, dirfd(directory), names[i] + 1,
                                       (unsigned char)(names[i][0] - 'A'), length);
                }
                free(names[i]);
        }
        return r;
}

static int walk_directory(struct walk *walk, int fd, size_t length)
{
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *found;
        int r = directory_open(fd, &directory);

        if (r < 0) {
                return r;
        }
        if (walk->sorted) {
                return walk_sorted(walk, directory, length);
        }
        while ((found = directory_next(directory))) {
                r = walk_entry(walk, fd, found->d_name, found->d_type, length);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

int walk_tree(int root_fd, bool sorted, walk_visit visit, void *data, struct machine_error *error)
{
        _cleanup_free_ char *path = calloc(1, PATH_MAX);
        struct walk walk = {
                .visit = visit,
                .data = data,
                .sorted = sorted,
                .root_fd = root_fd,
                .error = error,
                .path = path,
                .room = PATH_MAX,
        };
        int r;

        if (!path) {
                return -ENOMEM;
        }
        r = mount_id(root_fd, "", &walk.mount);
        if (r == 0) {
                r = visit(root_fd, "", "", data);
        }
        if (r == 0) {
                r = walk_directory(&walk, root_fd, 0);
        }
        path = walk.path;
        return r < 0 ? r : 0;
}
