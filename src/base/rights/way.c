/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/rights/way.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/rights/caller.h"
#include "base/strings.h"

static void descriptor_path(int fd, char path[static 32])
{
        snprintf(path, 32, "/proc/self/fd/%d", fd);
}

/* With an ACL, the group bits are its mask: an entry may grant access that they do not show. */
static bool has_acl(int fd)
{
        char path[32];

        descriptor_path(fd, path);
        return getxattr(path, "system.posix_acl_access", NULL, 0) > 0;
}

/* Whether a user's primary group, which is the first id of his user namespace, is his alone: has
 * his own number outside. */
static bool is_group_private(void)
{
        static const char *const maps[] = { "/proc/self/uid_map", "/proc/self/gid_map" };
        unsigned int outside[ELEMENTS_OF(maps)];

        for (size_t i = 0; i < ELEMENTS_OF(maps); i++) {
                _cleanup_free_ char *text = NULL;

                if (file_read(AT_FDCWD, maps[i], 65536, &text, NULL) < 0 ||
                    sscanf(text, "%*u %u", &outside[i]) != 1) {
                        return false;
                }
        }
        return outside[0] == outside[1];
}

/* Whether a group has no other member than root or the caller. */
static bool is_group_closed(gid_t group)
{
        if (caller_is_inside()) {
                return group == 0 && is_group_private();
        }
        return group == 0 || (geteuid() != 0 && group == getegid() && group == geteuid());
}

/* Whether only root, or a user who calls this, may search a directory. Its owner could grant
 * himself access. */
static bool is_closed(int fd, const struct stat *status)
{
        bool own = status->st_uid == 0 || status->st_uid == geteuid();

        if (!own || (status->st_mode & S_IXOTH)) {
                return false;
        }
        return !(status->st_mode & S_IXGRP) || (is_group_closed(status->st_gid) && !has_acl(fd));
}

static bool has_set_user_id(int fd)
{
        struct statvfs info;

        return fstatvfs(fd, &info) < 0 || !(info.f_flag & ST_NOSUID);
}

int way_is_open(int directory_fd, bool inclusive)
{
        _cleanup_close_ int fd = openat(directory_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct stat here, above;

        if (fd < 0 || fstat(fd, &here) < 0) {
                return -errno;
        }
        if (!has_set_user_id(fd) || (inclusive && is_closed(fd, &here))) {
                return 0;
        }
        for (;;) {
                int parent = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

                if (parent < 0) {
                        return -errno;
                }
                fd_close(fd);
                fd = parent;
                if (fstat(fd, &above) < 0) {
                        return -errno;
                }
                /* "/" is its own parent. */
                if (above.st_dev == here.st_dev && above.st_ino == here.st_ino) {
                        return 1;
                }
                if (is_closed(fd, &above)) {
                        return 0;
                }
                here = above;
        }
}

/* The directory that contains a file, by the kernel's name for it. If it was moved in the meantime,
 * nothing is known about its path. */
static int file_is_open(int fd, const struct stat *file)
{
        _cleanup_close_ int parent = -EBADF;
        char link[32], path[PATH_MAX];
        struct stat found;
        ssize_t length;
        char *slash;

        descriptor_path(fd, link);
        length = readlink(link, path, sizeof path - 1);
        if (length < 0) {
                return -errno;
        }
        path[length] = '\0';
        slash = strrchr(path, '/');
        if (!slash) {
                return 1;
        }
        *slash = '\0';
        parent = open(slash == path ? "/" : path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (parent < 0 || fstatat(parent, slash + 1, &found, AT_SYMLINK_NOFOLLOW) < 0 ||
            found.st_dev != file->st_dev || found.st_ino != file->st_ino) {
                return 1;
        }
        return has_set_user_id(fd) ? way_is_open(parent, true) : 0;
}

int way_is_open_to(const char *path, struct stat *ret)
{
        _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);

        if (fd < 0 || fstat(fd, ret) < 0) {
                return -errno;
        }
        return S_ISDIR(ret->st_mode) ? way_is_open(fd, false) : file_is_open(fd, ret);
}

const char *way_owner(void)
{
        return caller_is_root() ? "root of the host" : "you";
}

char *way_closing(const char *path)
{
        const char *last = strrchr(path, '/');
        _cleanup_free_ char *above = NULL, *quoted = NULL;

        while (last && last > path && last[1] == '\0') {
                do {
                        last--;
                } while (last > path && *last != '/');
        }
        above = last ? strndup(path, (size_t)(last - path)) : NULL;
        /* The host's root directory and its children contain other things as well. */
        if (!above || strrchr(above, '/') == above || !*above) {
                return strdup("move it into a directory that only root may search (mode 0700)");
        }
        quoted = string_shell_quoted(above);
        return quoted ? string_format(
                                "chmod go-x %s, or move it into a directory that only root may "
                                "search",
                                quoted)
                      : NULL;
}
