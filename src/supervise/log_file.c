/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/log_file.h"

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

        file->fd = openat(file->directory, file->name,
                          O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (file->fd < 0 || fstat(file->fd, &status) < 0) {
                return -errno;
        }
        file->size = (uint64_t)status.st_size;
        return 0;
}

int log_file_open(const char *directory, const char *machine, uint64_t maximum,
                  struct log_file *ret, struct machine_error *error)
{
        struct log_file file = LOG_FILE_INIT;
        int r = directory_make(directory, 0755);

        if (r < 0) {
                return error_set(error, r, "cannot make the directory of logs %s", directory);
        }
        file.maximum = maximum;
        file.name = string_format("%s.log", machine);
        file.directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (!file.name) {
                r = error_oom(error);
        } else if (file.directory < 0) {
                r = error_set(error, errno, "cannot open the directory of logs %s", directory);
        } else {
                r = open_current(&file);
                if (r < 0) {
                        error_set(error, r, "cannot open the log %s/%s", directory, file.name);
                }
        }
        if (r < 0) {
                log_file_close(&file);
                return r;
        }
        *ret = file;
        return 0;
}

static int rotate(struct log_file *file)
{
        _cleanup_free_ char *old = string_format("%s.1", file->name);

        if (!old) {
                return -ENOMEM;
        }
        if (renameat(file->directory, file->name, file->directory, old) < 0) {
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

/* A disk that is full may take a part of a line: that is taken back, so that the next one does not
 * go on where it ends. */
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
                return ftruncate(file->fd, (off_t)file->size) < 0 ? -errno : -ENOSPC;
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

        if (file->size > 0 && file->size + total > file->maximum) {
                int r = rotate(file);

                if (r < 0) {
                        return r;
                }
        }
        return write_parts(file, parts, ELEMENTS_OF(parts), total);
}

void log_file_close(struct log_file *file)
{
        file->directory = fd_close(file->directory);
        file->fd = fd_close(file->fd);
        free(TAKE_PTR(file->name));
}
