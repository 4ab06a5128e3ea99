/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/output/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

#define STAMP_LENGTH 64

static int open_current(struct log_file *file)
{
        struct stat status;

        file->fd = open(file->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (file->fd < 0 || fstat(file->fd, &status) < 0) {
                return -errno;
        }
        file->size = (uint64_t)status.st_size;
        file->device = status.st_dev;
        file->inode = status.st_ino;
        return 0;
}

static int make_and_open(struct log_file *file)
{
        int r = open_current(file);

        if (r == -ENOENT) {
                r = directory_make(file->directory, 0755);
        }
        return r < 0 || file->fd >= 0 ? r : open_current(file);
}

int log_file_open(const char *directory, const char *machine, uint64_t maximum,
                  struct log_file *ret, struct machine_error *error)
{
        struct log_file file = LOG_FILE_INIT;
        int r;

        file.maximum = maximum;
        file.directory = strdup(directory);
        file.path = string_format("%s/%s.log", directory, machine);
        r = file.directory && file.path ? make_and_open(&file) : -ENOMEM;
        if (r < 0) {
                error_set(error, r, "cannot open the log %s/%s.log", directory, machine);
                log_file_close(&file);
                return r;
        }
        *ret = file;
        return 0;
}

int log_file_refresh(struct log_file *file)
{
        struct stat status;

        if (file->fd >= 0 && lstat(file->path, &status) == 0 && status.st_dev == file->device &&
            status.st_ino == file->inode) {
                file->size = (uint64_t)status.st_size;
                return 0;
        }
        file->fd = fd_close(file->fd);
        return make_and_open(file);
}

static int rotate(struct log_file *file)
{
        _cleanup_free_ char *old = string_format("%s.1", file->path);

        if (!old) {
                return -ENOMEM;
        }
        if (rename(file->path, old) < 0) {
                return -errno;
        }
        file->fd = fd_close(file->fd);
        return open_current(file);
}

static size_t write_stamp(char stamp[static STAMP_LENGTH], const char *stream, bool whole)
{
        struct timespec now;
        struct tm parts;
        size_t length;

        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &parts);
        length = strftime(stamp, STAMP_LENGTH, "%Y-%m-%dT%H:%M:%S", &parts);
        return length + (size_t)snprintf(stamp + length, STAMP_LENGTH - length, ".%06ldZ %s %c ",
                                         now.tv_nsec / 1000, stream, whole ? 'F' : 'P');
}

/* A full disk may take only a part of a line, which is removed again, so that the next line does
 * not continue it. The position is that of the descriptor and not computed, because the file may
 * have been truncated in the meantime, and ftruncate() to a larger size would fill it with NULs. */
static int take_back(const struct log_file *file, size_t written)
{
        off_t end = lseek(file->fd, 0, SEEK_CUR);
        struct stat status;

        if (end < (off_t)written || fstat(file->fd, &status) < 0 || status.st_size != end) {
                return -ENOSPC;
        }
        return ftruncate(file->fd, end - (off_t)written) < 0 ? -errno : -ENOSPC;
}

static int write_parts(struct log_file *file, struct iovec *parts, size_t count, size_t total)
{
        ssize_t n;

        do {
                n = writev(file->fd, parts, (int)count);
        } while (n < 0 && errno == EINTR);
        if (n < 0) {
                return -errno;
        }
        if ((size_t)n < total) {
                return take_back(file, (size_t)n);
        }
        file->size += (uint64_t)n;
        return 0;
}

int log_file_write(struct log_file *file, const char *stream, const char *text, size_t length,
                   bool whole)
{
        char stamp[STAMP_LENGTH];
        size_t stamp_length = write_stamp(stamp, stream, whole);
        size_t total = stamp_length + length + 1;
        struct iovec parts[] = {
                { stamp, stamp_length },
                { (char *)text, length },
                { (char *)"\n", 1 },
        };

        int r = log_file_refresh(file);

        if (r == 0 && file->size > 0 && file->size + total > file->maximum) {
                r = rotate(file);
        }
        return r < 0 ? r : write_parts(file, parts, ELEMENTS_OF(parts), total);
}

void log_file_close(struct log_file *file)
{
        file->fd = fd_close(file->fd);
        free(TAKE_PTR(file->directory));
        free(TAKE_PTR(file->path));
}
