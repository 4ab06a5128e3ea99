/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exporter/server.h"

#include <signal.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/process/event.h"
#include "base/quantity.h"
#include "exporter/answer.h"

/* Whoever connects may be hostile. A connection is for one request, and ends after TOTAL_TIME
 * whatever arrives on it; MHD's own limit only counts the time in which nothing arrives. */
#define CONNECTIONS      64
#define CONNECTIONS_EACH 16 /* of one address */
#define MEMORY_EACH      (16 * 1024)
#define SILENCE_SECONDS  5
#define TOTAL_TIME       (30 * USEC_PER_SEC)

struct guest {
        struct MHD_Connection *connection; /* NULL: free */
        uint64_t since;
};

struct server {
        const struct server_settings *settings;
        struct answers answers;
        struct event_loop *loop;
        struct event_source *timer;
        struct MHD_Daemon *daemon;
        struct guest guests[CONNECTIONS];
        uint64_t quiet_since; /* the end of the last connection */
};

static enum MHD_Result handle(void *data, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *body,
                              size_t *body_length, void **context)
{
        return answer(data, connection, path, method);
}

/* ---- time ---- */

static void note_guest(void *data, struct MHD_Connection *connection, void **context,
                       enum MHD_ConnectionNotificationCode code)
{
        struct server *server = data;
        bool begins = code == MHD_CONNECTION_NOTIFY_STARTED;

        for (size_t i = 0; i < CONNECTIONS; i++) {
                struct guest *guest = &server->guests[i];

                if (guest->connection == (begins ? NULL : connection)) {
                        guest->connection = begins ? connection : NULL;
                        guest->since = log_now();
                        break;
                }
        }
        server->quiet_since = log_now();
}

static void show_out(const struct guest *guest)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(guest->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

        if (info) {
                (void)shutdown(info->connect_fd, SHUT_RDWR);
        }
}

/* Ends connections that took too long. Returns when there is something to do next. */
static uint64_t end_connections(const struct server *server)
{
        uint64_t now = log_now(), next = USEC_INFINITY;

        for (size_t i = 0; i < CONNECTIONS; i++) {
                const struct guest *guest = &server->guests[i];

                if (!guest->connection) {
                        continue;
                }
                if (now - guest->since >= TOTAL_TIME) {
                        show_out(guest);
                        next = now;
                } else if (guest->since + TOTAL_TIME < next) {
                        next = guest->since + TOTAL_TIME;
                }
        }
        return next;
}

static bool is_empty(const struct server *server)
{
        for (size_t i = 0; i < CONNECTIONS; i++) {
                if (server->guests[i].connection) {
                        return false;
                }
        }
        return true;
}

/* Lets MHD work, and arranges to be called again in time. */
static int work(struct server *server)
{
        uint64_t idle = server->settings->idle, now, next, wait;
        MHD_UNSIGNED_LONG_LONG timeout;

        next = end_connections(server);
        MHD_run(server->daemon);
        now = log_now();
        if (MHD_get_timeout(server->daemon, &timeout) == MHD_YES &&
            now + timeout * USEC_PER_MSEC < next) {
                next = now + timeout * USEC_PER_MSEC;
        }
        if (idle != USEC_INFINITY && is_empty(server)) {
                if (now - server->quiet_since >= idle) {
                        event_exit(server->loop, 0);
                        return 0;
                }
                next = server->quiet_since + idle < next ? server->quiet_since + idle : next;
        }
        wait = next > now ? next - now : USEC_PER_MSEC;
        return event_set_timer(server->timer, next == USEC_INFINITY ? USEC_INFINITY : wait);
}

static int on_timer(struct event_source *source, void *data)
{
        return work(data);
}

static int on_daemon(struct event_source *source, int fd, uint32_t events, void *data)
{
        return work(data);
}

static int on_signal(struct event_source *source, const struct signalfd_siginfo *info, void *data)
{
        event_exit(((struct server *)data)->loop, 0);
        return 0;
}

/* ---- connections ---- */

static int on_connection(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct server *server = data;
        struct sockaddr_storage address = { 0 };
        socklen_t length = sizeof address;
        int connection =
                accept4(fd, (struct sockaddr *)&address, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);

        /* One that went away, or no descriptor for it: there are fewer connections than those. */
        if (connection < 0) {
                return 0;
        }
        /* Too many: MHD closes it. */
        (void)MHD_add_connection(server->daemon, connection, (struct sockaddr *)&address, length);
        return work(server);
}

static int start_daemon(struct server *server, struct machine_error *error)
{
        server->daemon =
                MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, handle,
                                 &server->answers, MHD_OPTION_CONNECTION_LIMIT,
                                 (unsigned int)CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
                                 (unsigned int)CONNECTIONS_EACH, MHD_OPTION_CONNECTION_TIMEOUT,
                                 (unsigned int)SILENCE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                 (size_t)MEMORY_EACH, MHD_OPTION_STRICT_FOR_CLIENT, 1,
                                 MHD_OPTION_NOTIFY_CONNECTION, note_guest, server, MHD_OPTION_END);
        return server->daemon ? 0
                              : error_set(error, errno ? errno : EIO, "cannot start libmicrohttpd");
}

static int watch(struct server *server, const struct listeners *listeners)
{
        const union MHD_DaemonInfo *info =
                MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
        sigset_t signals;
        int r;

        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        if (!info || sigprocmask(SIG_BLOCK, &signals, NULL) < 0 ||
            signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
                return -EIO;
        }
        r = event_add_timer(server->loop, on_timer, server, &server->timer);
        r = r < 0 ? r : event_add_signals(server->loop, &signals, on_signal, server, NULL);
        r = r < 0 ? r
                  : event_add_fd(server->loop, info->epoll_fd, EPOLLIN, on_daemon, server, NULL);
        for (int i = 0; r == 0 && i < listeners->count; i++) {
                r = event_add_fd(server->loop, listeners->fds[i], EPOLLIN, on_connection, server,
                                 NULL);
        }
        return r;
}

int server_run(const struct server_settings *settings, const struct listeners *listeners,
               struct machine_error *error)
{
        _cleanup_event_loop_ struct event_loop *loop = NULL;
        struct server server = {
                .settings = settings,
                .answers = { .runtime = settings->runtime, .log = settings->log },
                .quiet_since = log_now(),
        };
        int r = event_loop_new(&loop);

        server.loop = loop;
        if (r == 0) {
                r = start_daemon(&server, error);
        }
        if (r == 0) {
                r = watch(&server, listeners);
                r = r < 0 ? r : work(&server);
                r = r < 0 ? r : event_run(loop);
                MHD_stop_daemon(server.daemon);
        }
        figures_clear(&server.answers.figures);
        return r < 0 && !error_is_set(error) ? error_set(error, r, "cannot wait for requests") : r;
}
