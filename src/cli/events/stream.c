/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/events/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/path.h"
#include "state/event_log.h"

/* A line holds one record, which has some hundred bytes, and at most as many as the file of a
 * record may have. */
#define CHUNK        65536
#define LINE_MAXIMUM (8 << 20)

static int open_log(const struct state_store *store, const char *name)
{
        int fd = openat(store->directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

        return fd < 0 ? -errno : fd;
}

int event_stream_open(struct event_stream *stream, const struct state_store *store,
                      struct machine_error *error)
{
        _cleanup_free_ char *directory = path_join(store->path, "..");

        *stream = (struct event_stream)EVENT_STREAM_INIT;
        if (!directory) {
                return error_oom(error);
        }
        stream->store = store;
        stream->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (stream->inotify < 0 ||
            inotify_add_watch(stream->inotify, directory, IN_MODIFY | IN_MOVED_TO) < 0) {
                int r = error_set(error, errno, "cannot watch %s", directory);

                if (r == -EMFILE) {
                        error_hint(error, "raise fs.inotify.max_user_instances with sysctl");
                }
                return r;
        }
        stream->fd = open_log(store, EVENT_LOG_OLD);
        stream->old = stream->fd >= 0;
        return 0;
}

void event_stream_close(struct event_stream *stream)
{
        stream->inotify = fd_close(stream->inotify);
        stream->fd = fd_close(stream->fd);
        free(TAKE_PTR(stream->text));
}

static bool is_replaced(const struct event_stream *stream)
{
        struct stat held, named;

        return fstat(stream->fd, &held) == 0 &&
               (fstatat(stream->store->directory_fd, EVENT_LOG, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
                held.st_ino != named.st_ino);
}

/* Returns 1 if there is another file to read, 0, or -errno. */
static int advance(struct event_stream *stream)
{
        int fd;

        if (stream->fd >= 0 && !stream->old && !is_replaced(stream)) {
                return 0;
        }
        fd = open_log(stream->store, EVENT_LOG);
        if (fd < 0) {
                return fd == -ENOENT ? 0 : fd;
        }
        fd_close(stream->fd);
        stream->fd = fd;
        stream->old = false;
        return 1;
}

/* Returns the number of bytes that were added to the text, or -errno. */
static ssize_t read_more(struct event_stream *stream)
{
        char *text;
        ssize_t n;

        memmove(stream->text, stream->text + stream->taken, stream->length - stream->taken);
        stream->length -= stream->taken;
        stream->taken = 0;
        if (stream->length > LINE_MAXIMUM) {
                return -EFBIG;
        }
        text = realloc(stream->text, stream->length + CHUNK);
        if (!text) {
                return -ENOMEM;
        }
        stream->text = text;
        n = stream->fd < 0 ? 0 : read(stream->fd, text + stream->length, CHUNK);
        if (n < 0) {
                return -errno;
        }
        stream->length += (size_t)n;
        return n;
}

int event_stream_next(struct event_stream *stream, char **ret)
{
        for (;;) {
                char *begin = stream->text + stream->taken;
                char *end =
                        stream->text ? memchr(begin, '\n', stream->length - stream->taken) : NULL;
                ssize_t n;
                int r;

                if (end) {
                        *end = '\0';
                        stream->taken += (size_t)(end - begin) + 1;
                        *ret = begin;
                        return 1;
                }
                n = read_more(stream);
                if (n != 0) {
                        if (n < 0) {
                                return (int)n;
                        }
                        continue;
                }
                r = advance(stream);
                if (r <= 0) {
                        return r;
                }
        }
}

void event_stream_acknowledge(struct event_stream *stream)
{
        char events[4096];

        while (read(stream->inotify, events, sizeof events) > 0) {
        }
}
