/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/strings.h"
#include "base/tree/directory.h"

int directory_open(int directory_fd, DIR **ret)
{
        return directory_open_at(directory_fd, ".", ret);
}

int directory_open_at(int directory_fd, const char *path, DIR **ret)
{
        _cleanup_close_ int fd = openat(directory_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *directory = fd < 0 ? NULL : fdopendir(fd);

        if (!directory) {
                return -errno;
        }
        /* The stream owns it now. */
        (void)TAKE_FD(fd);
        *ret = directory;
        return 0;
}

const struct dirent *directory_next(DIR *directory)
{
        const struct dirent *entry = NULL;

        do {
                errno = 0;
                entry = directory ? readdir(directory) : NULL;
        } while (entry && (string_equal(entry->d_name, ".") || string_equal(entry->d_name, "..")));
        return entry;
}

int directory_list(int directory_fd, const char *path, const char *suffix, char ***ret)
{
        _cleanup_closedir_ DIR *directory = NULL;
        _cleanup_strv_ char **names = NULL;
        const struct dirent *entry;
        int r = directory_open_at(directory_fd, path, &directory);

        if (r < 0) {
                return r;
        }
        while ((entry = directory_next(directory))) {
                size_t length = strlen(entry->d_name), end = strlen(suffix);

                if (entry->d_name[0] != '.' && length > end &&
                    string_ends_with(entry->d_name, suffix) &&
                    strv_take(&names, strndup(entry->d_name, length - end)) < 0) {
                        return -ENOMEM;
                }
        }
        if (errno) {
                return -errno;
        }
        strv_sort(names);
        *ret = TAKE_PTR(names);
        return 0;
}
