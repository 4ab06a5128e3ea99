/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state/dependents.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/strings.h"
#include "base/tree/directory.h"

/* Beside the directory of records, which is RUNTIME/machines. */
#define DIRECTORY "../requires"

/* The last dependent of a machine removes its directory, perhaps between two calls of this. */
#define ATTEMPTS 16

static int note(int directory_fd, const char *required, const char *name)
{
        _cleanup_free_ char *directory = string_format(DIRECTORY "/%s", required);
        _cleanup_free_ char *path = string_format(DIRECTORY "/%s/%s", required, name);
        int fd = -1;

        if (!directory || !path) {
                return -ENOMEM;
        }
        for (int i = 0; fd < 0 && i < ATTEMPTS; i++) {
                fd = openat(directory_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
                if (fd < 0 && errno != ENOENT) {
                        return -errno;
                }
                if (fd < 0 && ((mkdirat(directory_fd, DIRECTORY, 0755) < 0 && errno != EEXIST) ||
                               (mkdirat(directory_fd, directory, 0755) < 0 && errno != EEXIST))) {
                        return -errno;
                }
        }
        fd_close(fd);
        return fd < 0 ? -ENOENT : 0;
}

int dependents_note(int directory_fd, const struct machine_record *record)
{
        STRV_FOREACH(required, record->requires) {
                int r = note(directory_fd, *required, record->name);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

void dependents_forget(int directory_fd, const struct machine_record *record)
{
        STRV_FOREACH(required, record->requires) {
                _cleanup_free_ char *directory = string_format(DIRECTORY "/%s", *required);
                _cleanup_free_ char *path =
                        string_format(DIRECTORY "/%s/%s", *required, record->name);

                if (directory && path) {
                        (void)unlinkat(directory_fd, path, 0);
                        (void)unlinkat(directory_fd, directory, AT_REMOVEDIR);
                }
        }
}

int dependents_list(int directory_fd, const char *name, char ***ret)
{
        _cleanup_free_ char *directory = string_format(DIRECTORY "/%s", name);
        int r = directory ? directory_list(directory_fd, directory, "", ret) : -ENOMEM;

        if (r == -ENOENT) {
                *ret = NULL;
                return 0;
        }
        return r;
}
