/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exporter/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/quantity.h"
#include "base/strings.h"

/* sd_listen_fds(3): the first descriptor that is passed on. */
#define FIRST_PASSED 3

void listeners_close(struct listeners *listeners)
{
        while (listeners->count > 0) {
                fd_close(listeners->fds[--listeners->count]);
        }
}

/* ---- from the service manager ---- */

static bool is_listening(int fd)
{
        int type = 0, accepts = 0;
        socklen_t length = sizeof type;

        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0 || type != SOCK_STREAM) {
                return false;
        }
        length = sizeof accepts;
        return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &length) == 0 && accepts;
}

/* How many descriptors are for this process. */
static uint64_t count_passed(void)
{
        const char *pid_text = getenv("LISTEN_PID"), *count_text = getenv("LISTEN_FDS");
        uint64_t pid, count;

        if (!pid_text || quantity_parse_number(pid_text, &pid) < 0 || pid != (uint64_t)getpid() ||
            !count_text || quantity_parse_number(count_text, &count) < 0) {
                return 0;
        }
        return count;
}

int listeners_take(struct listeners *listeners, struct machine_error *error)
{
        uint64_t count = count_passed();

        (void)unsetenv("LISTEN_PID");
        (void)unsetenv("LISTEN_FDS");
        (void)unsetenv("LISTEN_FDNAMES");
        if (count > LISTEN_MAXIMUM) {
                return error_say(error, E2BIG,
                                 "the service manager passed %llu sockets: at most "
                                 "%d are possible",
                                 (unsigned long long)count, LISTEN_MAXIMUM);
        }
        for (int i = 0; i < (int)count; i++) {
                int fd = FIRST_PASSED + i;

                if (!is_listening(fd)) {
                        return error_say(error, EINVAL,
                                         "descriptor %d, which the service manager passed, is not "
                                         "a listening stream socket: set Accept=no in its unit",
                                         fd);
                }
                if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
                        return error_set(error, errno, "cannot prepare descriptor %d", fd);
                }
                listeners->fds[listeners->count++] = fd;
        }
        return 0;
}

/* ---- from the command line ---- */

static int invalid(const char *place, struct machine_error *error)
{
        error_say(error, EINVAL,
                  "--listen=%s: expected ADDRESS:PORT, such as 127.0.0.1:9749 or [::1]:9749",
                  place);
        return error_kind(error, MACHINE_ERROR_USAGE);
}

/* Splits "[::1]:9749" and "127.0.0.1:9749". */
static int parse(const char *place, char **ret_host, const char **ret_port,
                 struct machine_error *error)
{
        const char *colon = strrchr(place, ':');
        size_t length = colon ? (size_t)(colon - place) : 0;
        bool brackets = length > 2 && place[0] == '[' && colon[-1] == ']';
        uint64_t port;

        if (length == 0 || quantity_parse_number(colon + 1, &port) < 0 || port > 65535 ||
            (!brackets && memchr(place, ':', length))) {
                return invalid(place, error);
        }
        *ret_host = brackets ? strndup(place + 1, length - 2) : strndup(place, length);
        *ret_port = colon + 1;
        return *ret_host ? 0 : error_oom(error);
}

static int open_socket(const struct addrinfo *address, const char *place,
                       struct machine_error *error)
{
        static const int yes = 1;
        _cleanup_close_ int fd =
                socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0 ||
            (address->ai_family == AF_INET6 &&
             setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes) < 0) ||
            bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0) {
                return error_set(error, errno, "cannot listen on %s", place);
        }
        return TAKE_FD(fd);
}

int listeners_add(struct listeners *listeners, const char *place, struct machine_error *error)
{
        static const struct addrinfo hints = {
                .ai_family = AF_UNSPEC,
                .ai_socktype = SOCK_STREAM,
                .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
        };
        _cleanup_free_ char *host = NULL;
        const char *port = NULL;
        struct addrinfo *address = NULL;
        int r = parse(place, &host, &port, error), fd;

        if (r < 0) {
                return r;
        }
        if (listeners->count == LISTEN_MAXIMUM) {
                error_say(error, E2BIG, "--listen=%s: at most %d addresses are possible", place,
                          LISTEN_MAXIMUM);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        if (getaddrinfo(host, port, &hints, &address) != 0) {
                return invalid(place, error);
        }
        fd = open_socket(address, place, error);
        freeaddrinfo(address);
        if (fd < 0) {
                return fd;
        }
        listeners->fds[listeners->count++] = fd;
        return 0;
}

char *listeners_name(int fd)
{
        struct sockaddr_storage address;
        socklen_t length = sizeof address;
        char host[NI_MAXHOST], port[NI_MAXSERV];

        if (getsockname(fd, (struct sockaddr *)&address, &length) < 0 ||
            (address.ss_family != AF_INET && address.ss_family != AF_INET6) ||
            getnameinfo((struct sockaddr *)&address, length, host, sizeof host, port, sizeof port,
                        NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
                return NULL;
        }
        return address.ss_family == AF_INET6 ? string_format("[%s]:%s", host, port)
                                             : string_format("%s:%s", host, port);
}
