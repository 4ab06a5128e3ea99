/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/watch/host_resolver.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strings.h"
#include "rootfs/rootfs.h"

/* Replaced files and links are events of the directory. Files written in place, which may also be
 * mounts, have events of their own. */
#define DIRECTORY_EVENTS (IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR)
#define FILE_EVENTS      (IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)

#define EVENT_BYTES (16 * (sizeof(struct inotify_event) + NAME_MAX + 1))

struct host_resolver {
        struct event_loop *loop;
        host_resolver_handler handler;
        void *data;
        char *path; /* of the FIFO */
        int fifo;   /* open for writing and locked where inotify is there */
        int inotify;
        struct event_source *source; /* of one of them */
};

static int join(struct host_resolver *watch);

/* ---- the one that watches ---- */

static void add_directory_of(int inotify, const char *path)
{
        char copy[PATH_MAX];

        (void)snprintf(copy, sizeof copy, "%s", path);
        (void)inotify_add_watch(inotify, dirname(copy), DIRECTORY_EVENTS);
}

/* Adding an existing watch changes nothing. A missing file is an event of the directory when it is
 * created. */
static void add_watches(int inotify)
{
        static const char *const paths[] = { ROOTFS_RESOLVER, ROOTFS_RESOLVED_SERVERS };

        for (size_t i = 0; i < ELEMENTS_OF(paths); i++) {
                char real[PATH_MAX];

                add_directory_of(inotify, paths[i]);
                if (realpath(paths[i], real)) {
                        add_directory_of(inotify, real);
                        (void)inotify_add_watch(inotify, real, FILE_EVENTS);
                }
        }
}

/* Ignores events of other files in /etc. */
static bool is_about_resolver(const char *events, ssize_t length)
{
        for (ssize_t at = 0; at < length;) {
                const struct inotify_event *event = (const void *)(events + at);

                if (event->len == 0 || strstr(event->name, "resolv")) {
                        return true;
                }
                at += (ssize_t)(sizeof *event + event->len);
        }
        return false;
}

/* Readers do not read, they are woken by each byte that comes into an empty FIFO (EPOLLET). */
static void tell_all(struct host_resolver *watch)
{
        char bytes[16];

        while (read(watch->fifo, bytes, sizeof bytes) > 0) {
        }
        (void)write(watch->fifo, "", 1);
        watch->handler(0, watch->data);
}

static int on_changed(struct event_source *source, int fd, uint32_t events, void *data)
{
        _Alignas(struct inotify_event) char buffer[EVENT_BYTES];
        ssize_t length = read(fd, buffer, sizeof buffer);

        if (length > 0 && is_about_resolver(buffer, length)) {
                add_watches(fd);
                tell_all(data);
        }
        return 0;
}

/* The lock is kept if there is no inotify instance to be had: others would get none either. */
static int watch_files(struct host_resolver *watch)
{
        int r;

        watch->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (watch->inotify < 0) {
                return -errno;
        }
        r = event_add_fd(watch->loop, watch->inotify, EPOLLIN, on_changed, watch, &watch->source);
        if (r == 0) {
                add_watches(watch->inotify);
                tell_all(watch);
        }
        return r;
}

/* ---- the others ---- */

static int on_told(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct host_resolver *watch = data;
        int r = events & EPOLLHUP ? join(watch) : 0;

        if (r < 0 || !(events & EPOLLHUP)) {
                watch->handler(r, watch->data);
        }
        return 0;
}

static int follow(struct host_resolver *watch)
{
        int r;

        watch->fifo = open(watch->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
        if (watch->fifo < 0) {
                return -errno;
        }
        r = event_add_fd(watch->loop, watch->fifo, EPOLLIN | EPOLLET, on_told, watch,
                         &watch->source);
        if (r == 0) {
                watch->handler(0, watch->data);
        }
        return r;
}

/* ---- which of both ---- */

static void leave(struct host_resolver *watch)
{
        event_remove(TAKE_PTR(watch->source));
        watch->inotify = fd_close(watch->inotify);
        watch->fifo = fd_close(watch->fifo);
}

static int open_as_writer(const char *path)
{
        int flags = O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW;
        int fd = open(path, flags);

        if (fd < 0 && errno == ENOENT && (mkfifo(path, 0600) == 0 || errno == EEXIST)) {
                fd = open(path, flags);
        }
        return fd < 0 ? -errno : fd;
}

/* A writer that does not get the lock closes the FIFO only after it has become a reader: if whoever
 * held the lock has ended meanwhile, it is told by that. */
static int join(struct host_resolver *watch)
{
        _cleanup_close_ int writer = open_as_writer(watch->path);

        leave(watch);
        if (writer < 0) {
                return writer;
        }
        if (flock(writer, LOCK_EX | LOCK_NB) == 0) {
                watch->fifo = TAKE_FD(writer);
                return watch_files(watch);
        }
        return errno == EWOULDBLOCK ? follow(watch) : -errno;
}

int host_resolver_watch(struct event_loop *loop, const char *runtime, host_resolver_handler handler,
                        void *data, struct host_resolver **ret)
{
        struct host_resolver *watch = malloc(sizeof *watch);
        int r;

        if (!watch) {
                return -ENOMEM;
        }
        *watch = (struct host_resolver){
                .loop = loop,
                .handler = handler,
                .data = data,
                .path = string_format("%s/resolver", runtime),
                .fifo = -EBADF,
                .inotify = -EBADF,
        };
        r = watch->path ? join(watch) : -ENOMEM;
        if (r < 0) {
                handler(r, data);
        }
        *ret = watch;
        return 0;
}

void host_resolver_free(struct host_resolver *watch)
{
        if (!watch) {
                return;
        }
        leave(watch);
        free(watch->path);
        free(watch);
}
