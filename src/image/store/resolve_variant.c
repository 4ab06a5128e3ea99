/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "image/common/opaque.h"
#include "image/store/resolve_internal.h"

int variant_set_opaque(int tree, const char *path)
{
        _cleanup_close_ int fd =
                path_open_no_links(tree, *path ? path : ".", O_RDONLY | O_DIRECTORY, 0);

        return fd < 0 ? fd : opaque_set(fd);
}

int variant_open_parent(int tree, const char *path, const char **ret_name)
{
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *parent = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");

        *ret_name = slash ? slash + 1 : path;
        return parent ? path_open_no_links(tree, parent, O_RDONLY | O_DIRECTORY, 0) : -ENOMEM;
}

int variant_make_directory(struct resolving *self, const char *path)
{
        const char *name;
        _cleanup_close_ int parent = variant_open_parent(self->tree, path, &name);
        struct stat status;

        if (parent < 0) {
                return parent;
        }
        if (mkdirat(parent, name, 0755) == 0) {
                return 1;
        }
        if (errno != EEXIST || fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
                return -errno;
        }
        if (S_ISDIR(status.st_mode)) {
                return 0;
        }
        if (!S_ISCHR(status.st_mode) || status.st_rdev != 0) {
                return -ENOTDIR;
        }
        if (unlinkat(parent, name, 0) < 0 || mkdirat(parent, name, 0755) < 0) {
                return -errno;
        }
        return variant_set_opaque(self->tree, path) < 0 ? -EIO : 1;
}

int variant_make_implied(struct resolving *self, char *path)
{
        for (char *at = path; *at;) {
                char *end = at + strcspn(at, "/");
                char kept = *end;
                int r;

                *end = '\0';
                r = variant_make_directory(self, path);
                if (r > 0) {
                        r = chain_add_implied(&self->fresh, path);
                }
                *end = kept;
                if (r < 0) {
                        return r;
                }
                at = kept ? end + 1 : end;
        }
        return 0;
}

int variant_note_directory(struct resolving *self, const char *from, const char *to)
{
        struct pair *grown = reallocarray(self->directories, self->directory_count + 1,
                                          sizeof *self->directories);

        if (!grown) {
                return -ENOMEM;
        }
        self->directories = grown;
        grown += self->directory_count++;
        *grown = (struct pair){ strdup(from), strdup(to) };
        return grown->from && grown->to ? 0 : -ENOMEM;
}

int variant_link_file(struct resolving *self, int from, const char *from_name, const char *to,
                      bool whiteout)
{
        const char *name;
        _cleanup_close_ int parent = variant_open_parent(self->tree, to, &name);
        struct stat status;

        if (parent < 0) {
                return parent;
        }
        if (linkat(from, from_name, parent, name, 0) == 0) {
                return 0;
        }
        if (errno != EEXIST || fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
                return -errno;
        }
        if (whiteout) {
                return S_ISDIR(status.st_mode) ? variant_set_opaque(self->tree, to) : 0;
        }
        return unlinkat(parent, name, 0) < 0 || linkat(from, from_name, parent, name, 0) < 0
                       ? -errno
                       : 0;
}
