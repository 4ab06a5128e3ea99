/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state/event_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/strings.h"

#define SIZE_MAXIMUM (1 << 20)

/* The lock and the comparison keep one of two writers from replacing the older file with a log that
 * the other has just begun. */
static void rotate(int directory_fd, int fd)
{
        struct stat held, named;

        if (fstat(fd, &held) == 0 && held.st_size >= SIZE_MAXIMUM &&
            flock(fd, LOCK_EX | LOCK_NB) == 0 &&
            fstatat(directory_fd, EVENT_LOG, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
            held.st_ino == named.st_ino) {
                (void)renameat(directory_fd, EVENT_LOG, directory_fd, EVENT_LOG_OLD);
        }
}

/* One write(2) with O_APPEND: lines of several writers do not mix. */
static void append(int directory_fd, const char *line)
{
        _cleanup_close_ int fd = -EBADF;

        if (!line) {
                return;
        }
        fd = openat(directory_fd, EVENT_LOG, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                    0644);
        if (fd >= 0 && write(fd, line, strlen(line)) > 0) {
                rotate(directory_fd, fd);
        }
}

void event_log_record(int directory_fd, const char *text)
{
        _cleanup_free_ char *line = string_format("{\"time\":%llu,\"record\":%s}\n",
                                                  (unsigned long long)clock_realtime(), text);

        append(directory_fd, line);
}

/* A name needs no escapes in JSON. */
void event_log_health(int directory_fd, const char *name, const char *text)
{
        _cleanup_free_ char *line = string_format("{\"time\":%llu,\"name\":\"%s\",\"health\":%s}\n",
                                                  (unsigned long long)clock_realtime(), name, text);

        append(directory_fd, line);
}

void event_log_removed(int directory_fd, const char *name)
{
        _cleanup_free_ char *line =
                string_format("{\"time\":%llu,\"name\":\"%s\",\"removed\":true}\n",
                              (unsigned long long)clock_realtime(), name);

        append(directory_fd, line);
}
