/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/output/watchers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "launch/init/message.h"

#define WATCHERS_MAXIMUM 16
/* How long one may take no output. */
#define STUCK_USEC (10 * USEC_PER_SEC)
/* .. at the end of the machine, for which everybody waits. */
#define LAST_MSEC 1000

struct watcher {
        struct watchers *all;
        int fd;
        struct event_source *source;
        char *rest; /* what it has not taken, of `length` bytes; or NULL */
        size_t length;
};

struct watchers {
        struct event_loop *loop;
        struct event_source *listener, *stuck;
        char *path;
        int fd, terminal;
        struct watchers_reader reader;
        struct watcher items[WATCHERS_MAXIMUM]; /* fd < 0: free */
        bool paused;
};

static void drop(struct watcher *watcher)
{
        event_remove(TAKE_PTR(watcher->source));
        free(TAKE_PTR(watcher->rest));
        watcher->fd = fd_close(watcher->fd);
}

static bool anyone_waits(const struct watchers *watchers)
{
        for (size_t i = 0; i < WATCHERS_MAXIMUM; i++) {
                if (watchers->items[i].rest) {
                        return true;
                }
        }
        return false;
}

/* The terminal is read only as fast as the slowest of them takes it. */
static void settle(struct watchers *watchers)
{
        bool wait = anyone_waits(watchers);

        if (wait != watchers->paused) {
                watchers->paused = wait;
                watchers->reader.pause(wait, watchers->reader.data);
                (void)event_set_timer(watchers->stuck, wait ? STUCK_USEC : USEC_INFINITY);
        }
}

/* Sends as much as possible. Returns how much, or -errno. */
static ssize_t send_some(int fd, const char *text, size_t length)
{
        size_t sent = 0;

        while (sent < length) {
                size_t left = length - sent;
                size_t size = left < WATCHERS_PACKET ? left : WATCHERS_PACKET;
                ssize_t n = send(fd, text + sent, size, MSG_NOSIGNAL | MSG_DONTWAIT);

                if (n < 0 && errno != EAGAIN && errno != EINTR) {
                        return -errno;
                }
                if (n < 0 && errno == EAGAIN) {
                        break;
                }
                sent += n > 0 ? (size_t)n : 0;
        }
        return (ssize_t)sent;
}

static void tell_one(struct watcher *watcher, const char *text, size_t length)
{
        ssize_t sent = send_some(watcher->fd, text, length);
        size_t left;

        if (sent < 0) {
                drop(watcher);
                return;
        }
        left = length - (size_t)sent;
        if (left == 0) {
                return;
        }
        watcher->rest = malloc(left);
        if (!watcher->rest) {
                drop(watcher);
                return;
        }
        memcpy(watcher->rest, text + sent, left);
        watcher->length = left;
        (void)event_set_events(watcher->source, EPOLLIN | EPOLLOUT);
}

static void send_rest(struct watcher *watcher)
{
        ssize_t sent = send_some(watcher->fd, watcher->rest, watcher->length);

        if (sent < 0) {
                drop(watcher);
                return;
        }
        watcher->length -= (size_t)sent;
        memmove(watcher->rest, watcher->rest + sent, watcher->length);
        if (watcher->length == 0) {
                free(TAKE_PTR(watcher->rest));
                (void)event_set_events(watcher->source, EPOLLIN);
        }
}

/* They send nothing: to become readable is to leave. */
static int on_watcher(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct watcher *watcher = data;
        struct watchers *watchers = watcher->all;

        if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                drop(watcher);
        } else if (watcher->rest) {
                send_rest(watcher);
        }
        settle(watchers);
        return 0;
}

static int on_stuck(struct event_source *source, void *data)
{
        struct watchers *watchers = data;

        for (size_t i = 0; i < WATCHERS_MAXIMUM; i++) {
                if (watchers->items[i].rest) {
                        drop(&watchers->items[i]);
                }
        }
        settle(watchers);
        return 0;
}

static struct watcher *find_free(struct watchers *watchers)
{
        for (size_t i = 0; i < WATCHERS_MAXIMUM; i++) {
                if (watchers->items[i].fd < 0) {
                        return &watchers->items[i];
                }
        }
        return NULL;
}

static void greet(struct watcher *watcher)
{
        const struct watchers_reader *reader = &watcher->all->reader;
        size_t length;
        const char *line;

        if (message_send_fd(watcher->fd, MESSAGE_TERMINAL, watcher->all->terminal) < 0) {
                drop(watcher);
                return;
        }
        line = reader->line(&length, reader->data);
        if (length > 0) {
                tell_one(watcher, line, length);
        }
}

static int on_connection(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct watchers *watchers = data;
        struct watcher *watcher = find_free(watchers);
        struct sockaddr_un address;
        socklen_t length = sizeof address;
        _cleanup_close_ int connection =
                accept4(fd, (struct sockaddr *)&address, &length, SOCK_CLOEXEC);

        /* One too many finds its connection closed. */
        if (connection < 0 || !watcher ||
            event_add_fd(watchers->loop, connection, EPOLLIN, on_watcher, watcher,
                         &watcher->source) < 0) {
                return 0;
        }
        watcher->fd = TAKE_FD(connection);
        greet(watcher);
        settle(watchers);
        return 0;
}

/* The directory of the socket is long in tests and with options: it is reached by a descriptor. */
static int bind_socket(const char *path)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *directory = strndup(path, (size_t)(slash - path));
        _cleanup_close_ int place =
                directory ? open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int n;

        if (place < 0 || fd < 0) {
                return directory ? -errno : -ENOMEM;
        }
        n = snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", place,
                     slash + 1);
        if (n < 0 || (size_t)n >= sizeof address.sun_path) {
                return -ENAMETOOLONG;
        }
        (void)unlink(path);
        /* Nobody can connect before listen(2). */
        if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
            chmod(path, 0600) < 0 || listen(fd, 8) < 0) {
                return -errno;
        }
        return TAKE_FD(fd);
}

int watchers_listen(struct event_loop *loop, const char *socket, int terminal,
                    const struct watchers_reader *reader, struct watchers **ret)
{
        struct watchers *watchers = calloc(1, sizeof *watchers);
        int r;

        if (!watchers) {
                return -ENOMEM;
        }
        watchers->loop = loop;
        watchers->terminal = terminal;
        watchers->reader = *reader;
        for (size_t i = 0; i < WATCHERS_MAXIMUM; i++) {
                watchers->items[i] = (struct watcher){ .all = watchers, .fd = -EBADF };
        }
        watchers->path = strdup(socket);
        watchers->fd = watchers->path ? bind_socket(socket) : -ENOMEM;
        r = watchers->fd < 0 ? watchers->fd
                             : event_add_fd(loop, watchers->fd, EPOLLIN, on_connection, watchers,
                                            &watchers->listener);
        if (r == 0) {
                r = event_add_timer(loop, on_stuck, watchers, &watchers->stuck);
        }
        if (r < 0) {
                watchers_free(watchers);
                return r;
        }
        *ret = watchers;
        return 0;
}

void watchers_tell(struct watchers *watchers, const char *text, size_t length)
{
        for (size_t i = 0; watchers && i < WATCHERS_MAXIMUM; i++) {
                struct watcher *watcher = &watchers->items[i];
                struct pollfd ready = { .fd = watcher->fd, .events = POLLOUT };

                if (watcher->fd < 0) {
                        continue;
                }
                /* Only the rest of a machine that has ended comes while one waits. */
                while (watcher->rest && poll(&ready, 1, LAST_MSEC) > 0) {
                        send_rest(watcher);
                }
                if (watcher->rest) {
                        drop(watcher);
                } else if (watcher->fd >= 0) {
                        tell_one(watcher, text, length);
                }
        }
        if (watchers) {
                settle(watchers);
        }
}

void watchers_free(struct watchers *watchers)
{
        if (!watchers) {
                return;
        }
        for (size_t i = 0; i < WATCHERS_MAXIMUM; i++) {
                struct watcher *watcher = &watchers->items[i];
                struct pollfd ready = { .fd = watcher->fd, .events = POLLOUT };

                while (watcher->rest && poll(&ready, 1, LAST_MSEC) > 0) {
                        send_rest(watcher);
                }
                drop(watcher);
        }
        event_remove(watchers->listener);
        event_remove(watchers->stuck);
        if (watchers->fd >= 0) {
                (void)unlink(watchers->path);
                fd_close(watchers->fd);
        }
        free(watchers->path);
        free(watchers);
}
