/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strings.h"

/* openat2(2) returns EAGAIN if a concurrent rename could have let ".." escape; a busy host may need
 * several attempts, but a hostile one must not block us forever. */
#define RESOLVE_TRIES 256

char *path_join(const char *directory, const char *path)
{
        if (path[0] == '/' || directory[0] == '\0') {
                return strdup(path);
        }
        return string_format("%s%s%s", directory, string_ends_with(directory, "/") ? "" : "/",
                             path);
}

int path_normalize(const char *path, char **ret)
{
        _cleanup_free_ char *result = NULL;
        char *out;

        if (path[0] != '/') {
                return -EINVAL;
        }
        result = out = malloc(strlen(path) + 2);
        if (!result) {
                return -ENOMEM;
        }
        while (*path) {
                size_t length;

                path += strspn(path, "/");
                length = strcspn(path, "/");
                if (length == 2 && memcmp(path, "..", 2) == 0) {
                        return -EINVAL;
                }
                if (length > 0 && !(length == 1 && path[0] == '.')) {
                        *out++ = '/';
                        out = mempcpy(out, path, length);
                }
                path += length;
        }
        if (out == result) {
                *out++ = '/';
        }
        *out = '\0';
        *ret = TAKE_PTR(result);
        return 0;
}

bool path_is_below(const char *path, const char *directory)
{
        const char *rest = string_after(path, directory);

        return rest && (*rest == '\0' || *rest == '/' || string_ends_with(directory, "/"));
}

bool path_is_component(const char *name)
{
        return name[0] && strlen(name) <= NAME_MAX && !strchr(name, '/') &&
               strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int open_resolved(int root_fd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
        struct open_how how = {
                .flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC),
                .mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? mode : 0,
                .resolve = resolve,
        };

        /* O_PATH allows only O_DIRECTORY, O_NOFOLLOW and O_CLOEXEC in addition. */
        if (!(flags & O_PATH)) {
                how.flags |= O_NOCTTY;
        }
        for (int tries = 0; tries < RESOLVE_TRIES; tries++) {
                long fd = syscall(SYS_openat2, root_fd, path, &how, sizeof how);

                if (fd >= 0) {
                        return (int)fd;
                }
                if (errno != EAGAIN && errno != EINTR) {
                        return -errno;
                }
        }
        return -EAGAIN;
}

int path_open_in_root(int root_fd, const char *path, int flags, mode_t mode)
{
        return open_resolved(root_fd, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int path_open_no_links(int root_fd, const char *path, int flags, mode_t mode)
{
        return open_resolved(root_fd, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
}

int path_open_no_mounts(int root_fd, const char *path, int flags, mode_t mode)
{
        return open_resolved(root_fd, path, flags, mode,
                             RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
}

int path_open_beneath(int root_fd, const char *path)
{
        return open_resolved(root_fd, path, O_PATH, 0, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
}

int path_open_parent_in_root(int root_fd, const char *path, const char **ret_name)
{
        const char *slash = strrchr(path, '/');
        const char *name = slash ? slash + 1 : path;
        _cleanup_free_ char *parent = NULL;
        int fd;

        if (!path_is_component(name)) {
                return -EINVAL;
        }
        parent = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
        if (!parent) {
                return -ENOMEM;
        }
        fd = path_open_in_root(root_fd, parent, O_PATH | O_DIRECTORY, 0);
        if (fd >= 0) {
                *ret_name = name;
        }
        return fd;
}

/* Creates the directory for the path's last component; its parent exists. */
static int make_directory(int root_fd, const char *path, mode_t mode, uid_t uid, gid_t gid)
{
        const char *name;
        _cleanup_close_ int parent = path_open_parent_in_root(root_fd, path, &name);

        if (parent < 0) {
                return parent;
        }
        if (mkdirat(parent, name, mode) < 0) {
                return errno == EEXIST ? 0 : -errno;
        }
        if (fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0) {
                return -errno;
        }
        return 0;
}

int path_make_directory_in_root(int root_fd, const char *path, mode_t mode, uid_t uid, gid_t gid)
{
        int fd = path_open_in_root(root_fd, path, O_PATH | O_DIRECTORY, 0);
        _cleanup_free_ char *copy = NULL;

        if (fd != -ENOENT) {
                return fd;
        }
        copy = strdup(path);
        if (!copy) {
                return -ENOMEM;
        }
        for (char *at = copy + strspn(copy, "/"); *at;) {
                char *end = at + strcspn(at, "/");
                char kept = *end;
                int r;

                *end = '\0';
                r = make_directory(root_fd, copy, mode, uid, gid);
                if (r < 0) {
                        return r;
                }
                *end = kept;
                at = end + strspn(end, "/");
        }
        return path_open_in_root(root_fd, path, O_PATH | O_DIRECTORY, 0);
}

int path_of_descriptor(int fd, char **ret)
{
        char *path = malloc(PATH_MAX);
        char link[32];
        ssize_t n;

        if (!path) {
                return -ENOMEM;
        }
        (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        n = readlinkat(AT_FDCWD, link, path, PATH_MAX - 1);
        if (n < 0) {
                int r = -errno;

                free(path);
                return r;
        }
        path[n] = '\0';
        *ret = path;
        return 0;
}
