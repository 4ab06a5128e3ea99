/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/archive/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

static int write_piece(void *data, const void *bytes, size_t length)
{
        return file_write_all(*(int *)data, bytes, length);
}

int output_check(const char *path, struct machine_error *error)
{
        return strcmp(path, "-") == 0 ? 0 : file_check_replaceable_here(path, error);
}

/* Removes what an interrupted save left. A link that someone put there is not followed. */
static int make_temporary(const char *path)
{
        int fd;

        if (unlink(path) < 0 && errno != ENOENT) {
                return -errno;
        }
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        return fd < 0 ? -errno : fd;
}

int output_write(const char *path, output_writer writer, void *data, struct machine_error *error)
{
        _cleanup_free_ char *temporary = string_format("%s.part", path);
        _cleanup_close_ int fd = -EBADF;
        bool to_output = strcmp(path, "-") == 0;
        int r;

        if (!temporary) {
                return error_oom(error);
        }
        fd = to_output ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3) : make_temporary(temporary);
        if (fd < 0) {
                return error_set(error, to_output ? errno : -fd, "cannot write %s", path);
        }
        r = writer(data, write_piece, &fd, error);
        if (r == 0 && !to_output && (fsync(fd) < 0 || rename(temporary, path) < 0)) {
                r = error_set(error, errno, "cannot write %s", path);
        }
        if (r < 0 && !to_output) {
                (void)unlink(temporary);
        }
        return r;
}
