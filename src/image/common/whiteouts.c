/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/common/whiteouts.h"
#include "base/tree/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strings.h"

static int is_for_whiteouts(int directory_fd, const char *name, const char *path,
                            whiteouts_implied is_implied, void *data)
{
        _cleanup_free_ char *inner = string_format("%s%s%s", path, *path ? "/" : "", name);
        struct stat status;

        if (!inner) {
                return -ENOMEM;
        }
        if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
                return -errno;
        }
        if (S_ISCHR(status.st_mode) && status.st_rdev == 0) {
                return 1;
        }
        return S_ISDIR(status.st_mode) && is_implied(inner, data)
                       ? whiteouts_alone(directory_fd, name, inner, is_implied, data)
                       : 0;
}

/* The maximum depth of a path in a layer. */
int whiteouts_alone(int parent_fd, const char *name, const char *path, whiteouts_implied is_implied,
                    void *data)
{
        _cleanup_close_ int fd =
                openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *found;
        int r = fd < 0 ? -errno : directory_open(fd, &directory);

        if (r < 0) {
                return r;
        }
        r = 1;
        while (r > 0 && (found = directory_next(directory))) {
                r = is_for_whiteouts(fd, found->d_name, path, is_implied, data);
        }
        return r;
}
