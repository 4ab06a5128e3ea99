/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/unpack/tree.h"
#include "base/tree/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/tree/tree.h"
#include "image/common/opaque.h"

#define LINK_HOPS_MAX 16

static int compare_paths(const void *a, const void *b)
{
        return strcmp(a, b);
}

void tree_clear(struct tree *tree)
{
        tree_forget_parent(tree);
        tdestroy(tree->implied, free);
        tree->implied = NULL;
}

void tree_forget_parent(struct tree *tree)
{
        tree->parent_fd = fd_close(tree->parent_fd);
}

int tree_clean_path(const char *path, char ret[static PATH_MAX])
{
        size_t length = 0;
        unsigned int depth = 0;

        while (*path) {
                size_t part = strcspn(path, "/");

                if (part == 2 && path[0] == '.' && path[1] == '.') {
                        if (depth > 0) {
                                char *slash = memrchr(ret, '/', length);

                                length = slash ? (size_t)(slash - ret) : 0;
                                depth--;
                        }
                } else if (part > 0 && !(part == 1 && path[0] == '.')) {
                        if (part > NAME_MAX || length + part + 2 > PATH_MAX ||
                            ++depth > TREE_DEPTH_MAX) {
                                return -ENAMETOOLONG;
                        }
                        if (length > 0) {
                                ret[length++] = '/';
                        }
                        memcpy(ret + length, path, part);
                        length += part;
                }
                path += part;
                path += strspn(path, "/");
        }
        ret[length] = '\0';
        return 0;
}

int tree_note_implied(struct tree *tree, const char *path)
{
        char *copy;
        char **found;

        if (tree->implied_count >= TREE_IMPLIED_MAX) {
                return -E2BIG;
        }
        copy = strdup(path);
        if (!copy) {
                return -ENOMEM;
        }
        found = tsearch(copy, &tree->implied, compare_paths);
        if (!found) {
                free(copy);
                return -ENOMEM;
        }
        if (*found != copy) {
                free(copy);
        } else {
                tree->implied_count++;
        }
        return 0;
}

void tree_forget_implied(struct tree *tree, const char *path)
{
        char **found = tree->implied ? tfind(path, &tree->implied, compare_paths) : NULL;
        char *owned = found ? *found : NULL;

        if (owned) {
                tdelete(path, &tree->implied, compare_paths);
                free(owned);
                tree->implied_count--;
        }
}

bool tree_is_implied(struct tree *tree, const char *path)
{
        return tree->implied && tfind(path, &tree->implied, compare_paths);
}

struct each {
        int (*function)(const char *path, void *data);
        void *data;
        int result;
};

static void visit(const void *node, VISIT order, void *data)
{
        struct each *each = data;

        if ((order == postorder || order == leaf) && each->result >= 0) {
                each->result = each->function(*(char *const *)node, each->data);
        }
}

int tree_each_implied(struct tree *tree, int (*function)(const char *path, void *data), void *data)
{
        struct each each = { function, data, 0 };

        twalk_r(tree->implied, visit, &each);
        return each.result;
}

int tree_take_away(struct tree *tree, int parent_fd, const char *name)
{
        int r;

        tree->replaced = true;
        r = tree_remove_confined(parent_fd, name, NULL);
        if (r == 0) {
                /* The directory that is kept open may have been inside. */
                int kept = tree->parent_fd == parent_fd ? TAKE_FD(tree->parent_fd) : -EBADF;

                tree_forget_parent(tree);
                tree->parent_fd = kept;
        }
        return r;
}

int tree_make_opaque(struct tree *tree, int directory_fd)
{
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *found;
        int r;

        r = opaque_set(directory_fd);
        if (r == 0) {
                r = directory_open(directory_fd, &directory);
        }
        if (r < 0) {
                return r;
        }
        while ((found = directory_next(directory))) {
                struct stat status;

                if (found->d_type != DT_CHR && found->d_type != DT_UNKNOWN) {
                        continue;
                }
                if (fstatat(directory_fd, found->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
                        return -errno;
                }
                if (S_ISCHR(status.st_mode) && status.st_rdev == 0) {
                        tree->replaced = true;
                        if (unlinkat(directory_fd, found->d_name, 0) < 0) {
                                return -errno;
                        }
                }
        }
        return 0;
}

int tree_find_parent(struct tree *tree, const char *path, const char **ret_name)
{
        return path_open_parent_in_root(tree->root_fd, path, ret_name);
}

/* Makes an implied directory. If it replaces a whiteout or a file, which hid lower layers, it must
 * hide them as well. */
static int make_implied(struct tree *tree, int parent_fd, const char *name, const char *path)
{
        bool opaque = false;
        int r;

        if (mkdirat(parent_fd, name, 0755) < 0) {
                if (errno != EEXIST) {
                        return -errno;
                }
                r = tree_take_away(tree, parent_fd, name);
                if (r < 0) {
                        return r;
                }
                if (mkdirat(parent_fd, name, 0755) < 0) {
                        return -errno;
                }
                opaque = true;
        }
        if (fchownat(parent_fd, name, 0, 0, AT_SYMLINK_NOFOLLOW) < 0 ||
            fchmodat(parent_fd, name, 0755, 0) < 0) {
                return -errno;
        }
        if (opaque) {
                _cleanup_close_ int fd =
                        openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

                r = fd < 0 ? -errno : tree_make_opaque(tree, fd);
                if (r < 0) {
                        return r;
                }
        }
        return tree_note_implied(tree, path);
}

static int make_path(struct tree *tree, char path[static PATH_MAX], unsigned int hops);

/* A dangling link: its target is created inside the root. */
static int make_link_target(struct tree *tree, int parent_fd, const char *name, const char *path,
                            unsigned int hops)
{
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *target = calloc(1, PATH_MAX), *joined = NULL;
        _cleanup_free_ char *clean = malloc(PATH_MAX);
        int r;

        if (!target || !clean) {
                return -ENOMEM;
        }
        if (readlinkat(parent_fd, name, target, PATH_MAX - 1) < 0) {
                return -errno;
        }
        joined = *target == '/' || !slash
                         ? strdup(target)
                         : string_format("%.*s/%s", (int)(slash - path), path, target);
        if (!joined) {
                return -ENOMEM;
        }
        r = tree_clean_path(joined, clean);
        return r < 0 ? r : make_path(tree, clean, hops + 1);
}

/* Makes sure that one component of a path is a directory. */
static int make_component(struct tree *tree, const char *path, unsigned int hops)
{
        const char *name;
        _cleanup_close_ int parent_fd = -EBADF;
        struct stat status;
        int r = path_open_in_root(tree->root_fd, path, O_PATH | O_DIRECTORY, 0);

        if (r >= 0) {
                fd_close(r);
                return 0;
        }
        if (r != -ENOENT && r != -ENOTDIR) {
                return r;
        }
        parent_fd = path_open_parent_in_root(tree->root_fd, path, &name);
        if (parent_fd < 0) {
                return parent_fd;
        }
        if (fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISLNK(status.st_mode)) {
                return r == -ENOENT ? make_link_target(tree, parent_fd, name, path, hops)
                                    : -ENOTDIR;
        }
        return make_implied(tree, parent_fd, name, path);
}

/* Makes the components of a clean path one by one. path is changed and restored. */
static int make_path(struct tree *tree, char path[static PATH_MAX], unsigned int hops)
{
        if (hops > LINK_HOPS_MAX) {
                return -ELOOP;
        }
        for (char *at = path; *at;) {
                char *end = at + strcspn(at, "/");
                char kept = *end;
                int r;

                *end = '\0';
                r = make_component(tree, path, hops);
                *end = kept;
                if (r < 0) {
                        return r;
                }
                at = kept ? end + 1 : end;
        }
        return 0;
}

static int open_made(struct tree *tree, char path[static PATH_MAX], struct machine_error *error)
{
        int fd, r;

        fd = path_open_in_root(tree->root_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY, 0);
        if (fd != -ENOENT && fd != -ENOTDIR) {
                return fd < 0 ? error_set(error, fd, "cannot open the directory") : fd;
        }
        r = make_path(tree, path, 0);
        if (r == -E2BIG) {
                return error_say(error, r,
                                 "the layer writes below more than %d directories that "
                                 "it does not contain",
                                 TREE_IMPLIED_MAX);
        }
        if (r < 0) {
                return error_set(error, r, "cannot create the directory /%s", path);
        }
        fd = path_open_in_root(tree->root_fd, path, O_RDONLY | O_DIRECTORY, 0);
        return fd < 0 ? error_set(error, fd, "cannot open the directory /%s", path) : fd;
}

int tree_open_parent(struct tree *tree, const char *path, const char **ret_name,
                     struct machine_error *error)
{
        const char *slash = strrchr(path, '/');
        size_t length = slash ? (size_t)(slash - path) : 0;
        struct stat status;
        int fd;

        *ret_name = slash ? slash + 1 : path;
        if (tree->parent_fd >= 0 && strlen(tree->parent_path) == length &&
            memcmp(tree->parent_path, path, length) == 0) {
                return tree->parent_fd;
        }
        tree_forget_parent(tree);
        memcpy(tree->parent_path, path, length);
        tree->parent_path[length] = '\0';
        fd = open_made(tree, tree->parent_path, error);
        if (fd < 0) {
                return fd;
        }
        if (fstat(fd, &status) < 0) {
                fd_close(fd);
                return error_set(error, errno, "cannot stat a directory");
        }
        tree->parent_set_gid = status.st_mode & S_ISGID;
        tree->parent_fd = fd;
        return fd;
}
