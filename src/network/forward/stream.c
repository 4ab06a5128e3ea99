/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Streams (TCP): two sockets for each connection; splice(2) moves the data through pipes, which a
 * connection has only while data waits in them. */

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "network/forward/client.h"
#include "network/forward/relay.h"

/* A pipe's size. Larger ones do not move data faster. */
#define PIPE_SIZE (256 * 1024)
/* Empty pipes that are kept for the next connection. */
#define SPARE_PIPES 16
/* Bytes moved before other connections get their turn. */
#define TURN (1024 * 1024)
/* How long the relay accepts no connections after it ran out of descriptors. */
#define PAUSE_USEC 100000

struct buffer {
        int ends[2];
};

enum side {
        CLIENT,
        MACHINE,
        SIDES,
};

/* The data from one side to the other. */
struct flow {
        struct buffer pipe; /* ends[0] -EBADF: none */
        size_t filled;
        bool ended;  /* nothing more to read */
        bool passed; /* and the other side knows */
};

struct connection {
        struct stream_relay *relay;
        struct connection *next, **place;
        int fds[SIDES];
        struct event_source *sources[SIDES];
        uint32_t events[SIDES];
        struct flow flows[SIDES]; /* from that side */
        bool connecting;
};

/* A socket that listens. */
struct listener {
        struct stream_relay *relay;
        struct listener *next;
        struct event_source *source;
        struct forward_socket socket;
};

struct stream_relay {
        struct event_loop *loop;
        struct forward_target target;
        struct connection *connections;
        struct listener *listeners;
        struct event_source *pause;
        struct buffer spare[SPARE_PIPES];
        size_t spare_count;
};

/* ---- descriptors ---- */

/* A forwarder needs more descriptors than a program usually may have. */
static bool raise_limit(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= limit.rlim_max) {
                return false;
        }
        limit.rlim_cur = limit.rlim_max;
        return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

/* ---- pipes ---- */

static int take_pipe(struct stream_relay *relay, struct buffer *ret)
{
        if (relay->spare_count > 0) {
                *ret = relay->spare[--relay->spare_count];
                return 0;
        }
        if (pipe2(ret->ends, O_CLOEXEC | O_NONBLOCK) < 0 &&
            !(errno == EMFILE && raise_limit() && pipe2(ret->ends, O_CLOEXEC | O_NONBLOCK) == 0)) {
                ret->ends[0] = ret->ends[1] = -EBADF;
                return -errno;
        }
        /* A user's pipes may be limited; a small one works as well. */
        (void)fcntl(ret->ends[1], F_SETPIPE_SZ, PIPE_SIZE);
        return 0;
}

static void close_pipe(struct buffer *pipe)
{
        pipe->ends[0] = fd_close(pipe->ends[0]);
        pipe->ends[1] = fd_close(pipe->ends[1]);
}

static void return_pipe(struct stream_relay *relay, struct flow *flow)
{
        if (flow->pipe.ends[0] < 0) {
                return;
        }
        if (flow->filled == 0 && relay->spare_count < SPARE_PIPES) {
                relay->spare[relay->spare_count++] = flow->pipe;
                flow->pipe = (struct buffer){ { -EBADF, -EBADF } };
                return;
        }
        close_pipe(&flow->pipe);
}

/* ---- connections ---- */

static void drop(struct connection *connection)
{
        *connection->place = connection->next;
        if (connection->next) {
                connection->next->place = connection->place;
        }
        for (int side = 0; side < SIDES; side++) {
                event_remove(connection->sources[side]);
                fd_close(connection->fds[side]);
                return_pipe(connection->relay, &connection->flows[side]);
        }
        free(connection);
}

/* Ends a connection as its broken side did: with a reset. */
static void reset(struct connection *connection)
{
        const struct linger at_once = { .l_onoff = 1 };

        for (int side = 0; side < SIDES; side++) {
                (void)setsockopt(connection->fds[side], SOL_SOCKET, SO_LINGER, &at_once,
                                 sizeof(at_once));
        }
        drop(connection);
}

static int on_ready(struct event_source *source, int fd, uint32_t events, void *data);

/* A side that waits for nothing is not watched: epoll(7) reports a hangup in any case. */
static int watch(struct connection *connection, enum side side, uint32_t events)
{
        struct event_source **source = &connection->sources[side];

        if (connection->events[side] == events) {
                return 0;
        }
        connection->events[side] = events;
        if (events == 0) {
                event_remove(TAKE_PTR(*source));
                return 0;
        }
        return *source ? event_set_events(*source, events)
                       : event_add_fd(connection->relay->loop, connection->fds[side], events,
                                      on_ready, connection, source);
}

static int watch_both(struct connection *connection)
{
        int r = 0;

        for (int side = 0; r == 0 && side < SIDES; side++) {
                const struct flow *from = &connection->flows[side];
                const struct flow *to = &connection->flows[!side];
                bool reads = !from->ended && from->filled == 0;

                r = watch(connection, (enum side)side,
                          (reads ? EPOLLIN : 0U) | (to->filled > 0 ? EPOLLOUT : 0U));
        }
        return r;
}

/* Reads into an empty pipe. 1: something was read, 0: nothing for now, or -errno. */
static int fill(struct connection *connection, enum side side)
{
        struct flow *flow = &connection->flows[side];
        ssize_t n;
        int r;

        if (flow->pipe.ends[0] < 0) {
                r = take_pipe(connection->relay, &flow->pipe);
                if (r < 0) {
                        return r;
                }
        }
        n = splice(connection->fds[side], NULL, flow->pipe.ends[1], NULL, PIPE_SIZE,
                   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (n < 0) {
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        }
        flow->ended = n == 0;
        flow->filled = (size_t)n;
        return n > 0;
}

/* Writes what is in the pipe. 1: all, 0: the other side is busy, or -errno. */
static int empty(struct connection *connection, enum side side)
{
        struct flow *flow = &connection->flows[side];

        while (flow->filled > 0) {
                ssize_t n = splice(flow->pipe.ends[0], NULL, connection->fds[!side], NULL,
                                   flow->filled, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

                if (n < 0) {
                        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
                }
                flow->filled -= (size_t)n;
        }
        return 1;
}

/* Moves data from one side to the other. Returns 0 or -errno. */
static int move(struct connection *connection, enum side side)
{
        struct flow *flow = &connection->flows[side];
        size_t moved = 0;
        int r = empty(connection, side);

        while (r > 0 && !flow->ended && moved < TURN) {
                r = fill(connection, side);
                moved += flow->filled;
                if (r > 0) {
                        r = empty(connection, side);
                }
        }
        if (r < 0) {
                return r;
        }
        if (flow->filled == 0) {
                return_pipe(connection->relay, flow);
        }
        if (flow->ended && flow->filled == 0 && !flow->passed) {
                flow->passed = true;
                if (shutdown(connection->fds[!side], SHUT_WR) < 0) {
                        return -errno;
                }
        }
        return 0;
}

/* The machine has answered, or refused. */
static int finish_connecting(struct connection *connection)
{
        int number = 0;
        socklen_t size = sizeof(number);

        if (getsockopt(connection->fds[MACHINE], SOL_SOCKET, SO_ERROR, &number, &size) < 0) {
                return -errno;
        }
        connection->connecting = false;
        return -number;
}

static int on_ready(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct connection *connection = data;
        int r = events & EPOLLERR ? -ECONNRESET : 0;

        if (r == 0 && connection->connecting) {
                r = finish_connecting(connection);
        }
        for (int side = 0; r == 0 && side < SIDES; side++) {
                r = move(connection, (enum side)side);
        }
        if (r == 0 && connection->flows[CLIENT].passed && connection->flows[MACHINE].passed) {
                drop(connection);
                return 0;
        }
        if (r == 0) {
                r = watch_both(connection);
        }
        if (r < 0) {
                reset(connection);
        }
        return 0;
}

static void settle_socket(int fd)
{
        int on = 1;

        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static int connect_machine(const struct listener *listener, const union client_address *client)
{
        const struct forward_target *target = &listener->relay->target;
        uint16_t port = listener->socket.machine_port;
        int fd = client_connect(target, SOCK_STREAM, port, client, NULL);

        return fd == -EMFILE && raise_limit()
                       ? client_connect(target, SOCK_STREAM, port, client, NULL)
                       : fd;
}

/* Takes the client's socket. */
static void begin(struct listener *listener, int fd, union client_address *client)
{
        struct stream_relay *relay = listener->relay;
        struct connection *connection = calloc(1, sizeof(*connection));

        if (!connection) {
                fd_close(fd);
                return;
        }
        client_unmap(client);
        *connection = (struct connection){
                .relay = relay,
                .next = relay->connections,
                .place = &relay->connections,
                .fds = { fd, connect_machine(listener, client) },
                .flows = { { .pipe = { { -EBADF, -EBADF } } }, { .pipe = { { -EBADF, -EBADF } } } },
                .connecting = true,
        };
        if (connection->next) {
                connection->next->place = &connection->next;
        }
        relay->connections = connection;
        settle_socket(fd);
        if (connection->fds[MACHINE] < 0) {
                reset(connection);
                return;
        }
        settle_socket(connection->fds[MACHINE]);
        if (watch(connection, MACHINE, EPOLLOUT) < 0) {
                reset(connection);
        }
}

/* ---- accepting ---- */

static void listen_all(struct stream_relay *relay, uint32_t events)
{
        for (struct listener *listener = relay->listeners; listener; listener = listener->next) {
                (void)event_set_events(listener->source, events);
        }
}

static int on_pause_end(struct event_source *source, void *data)
{
        listen_all(data, EPOLLIN);
        return 0;
}

static int on_client(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct listener *listener = data;

        for (int i = 0; i < 64; i++) {
                union client_address client = { 0 };
                socklen_t size = sizeof(client);
                int accepted = accept4(fd, &client.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

                if (accepted >= 0) {
                        begin(listener, accepted, &client);
                } else if (errno == EMFILE && raise_limit()) {
                        continue;
                } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
                           errno == ENOBUFS) {
                        listen_all(listener->relay, 0);
                        return event_set_timer(listener->relay->pause, PAUSE_USEC);
                } else if (errno == EAGAIN) {
                        break;
                }
        }
        return 0;
}

int stream_relay_new(struct event_loop *loop, const struct forward_target *target,
                     struct stream_relay **ret)
{
        struct stream_relay *relay = calloc(1, sizeof(*relay));
        int r;

        if (!relay) {
                return -ENOMEM;
        }
        relay->loop = loop;
        relay->target = *target;
        r = event_add_timer(loop, on_pause_end, relay, &relay->pause);
        if (r < 0) {
                free(relay);
                return r;
        }
        *ret = relay;
        return 0;
}

int stream_relay_listen(struct stream_relay *relay, const struct forward_socket *socket)
{
        struct listener *listener = calloc(1, sizeof(*listener));
        int r;

        if (!listener) {
                return -ENOMEM;
        }
        *listener = (struct listener){ .relay = relay, .socket = *socket };
        r = event_add_fd(relay->loop, socket->fd, EPOLLIN, on_client, listener, &listener->source);
        if (r < 0) {
                free(listener);
                return r;
        }
        listener->next = relay->listeners;
        relay->listeners = listener;
        return 0;
}

void stream_relay_free(struct stream_relay *relay)
{
        if (!relay) {
                return;
        }
        while (relay->connections) {
                reset(relay->connections);
        }
        while (relay->listeners) {
                struct listener *listener = relay->listeners;

                relay->listeners = listener->next;
                event_remove(listener->source);
                free(listener);
        }
        while (relay->spare_count > 0) {
                close_pipe(&relay->spare[--relay->spare_count]);
        }
        event_remove(relay->pause);
        free(relay);
}
