/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/state/port.h"

#include <string.h>
#include <sys/socket.h>

#include "base/strings.h"

/* A message carries at most SCM_MAX_FD (253) descriptors (unix(7)). */
#define BATCH 250

static const char *const protocol_names[] = {
        [MACHINE_PROTOCOL_TCP] = "tcp",
        [MACHINE_PROTOCOL_UDP] = "udp",
        [MACHINE_PROTOCOL_SCTP] = "sctp",
};

/* Sockets that are bound but not yet sent into the queue. */
struct batch {
        int fds[BATCH];
        size_t count;
        struct port_reservation reservation;
};

static char *format(const char *address, unsigned int first, unsigned int last,
                    enum machine_protocol protocol)
{
        bool six = address && strchr(address, ':');
        _cleanup_free_ char *range =
                first == last ? string_format("%u", first) : string_format("%u-%u", first, last);

        if (!range) {
                return NULL;
        }
        return string_format("%s%s%s%s%s/%s", six ? "[" : "", address ? address : "",
                             six ? "]" : "", address ? ":" : "", range, protocol_names[protocol]);
}

char *port_format(const struct machine_port *port)
{
        return format(port->address, port->host_first, port->host_last, port->protocol);
}

char *port_format_pair(const struct machine_port *port)
{
        unsigned int last =
                port->machine_first + (unsigned int)(port->host_last - port->host_first);
        _cleanup_free_ char *host = port_format(port);
        _cleanup_free_ char *range = port->host_first == port->host_last
                                             ? string_format("%u", port->machine_first)
                                             : string_format("%u-%u", port->machine_first, last);
        char *slash = host ? strrchr(host, '/') : NULL;

        if (!slash || !range) {
                return NULL;
        }
        *slash = '\0';
        return string_format("%s:%s/%s", host, range, slash + 1);
}

char *port_format_one(const char *address, unsigned int number, enum machine_protocol protocol)
{
        return format(address, number, number, protocol);
}

static int check_one(const struct machine_port *port, struct port_families families,
                     struct machine_error *error)
{
        _cleanup_free_ char *text = port_format(port);
        struct network_address address;

        if (!port->address) {
                return 0;
        }
        if (address_parse(port->address, &address) < 0) {
                return error_say(error, EINVAL, "cannot publish port %s: \"%s\" is not an address",
                                 text, port->address);
        }
        if (address.family == AF_INET6 && address_is_loopback(&address)) {
                error_say(error, EINVAL,
                          "cannot publish port %s: the kernel cannot forward from [::1]", text);
                error_hint(error, "publish it at 127.0.0.1");
                return -EINVAL;
        }
        if (address.family == AF_INET ? !families.ipv4 : !families.ipv6) {
                return error_say(error, EINVAL,
                                 "cannot publish port %s: the machine has no IPv%c address", text,
                                 address.family == AF_INET ? '4' : '6');
        }
        return 0;
}

int port_check(const struct machine_port *ports, size_t count, struct port_families families,
               struct machine_error *error)
{
        for (size_t i = 0; i < count; i++) {
                int r = check_one(&ports[i], families, error);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

/* Sends the sockets of a batch into the queue and closes them here. */
static int park(struct batch *batch)
{
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int) * BATCH)];
        } control = { 0 };
        char byte = 0;
        struct iovec data = { .iov_base = &byte, .iov_len = 1 };
        struct msghdr message = {
                .msg_iov = &data,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = CMSG_SPACE(sizeof(int) * batch->count),
        };
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        int r = 0;

        if (batch->count == 0) {
                return 0;
        }
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * batch->count);
        memcpy(CMSG_DATA(header), batch->fds, sizeof(int) * batch->count);
        if (sendmsg(batch->reservation.sender, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
                r = -errno;
        }
        for (size_t i = 0; i < batch->count; i++) {
                fd_close(batch->fds[i]);
        }
        batch->count = 0;
        return r;
}

static int try_bind(sa_family_t family, bool dual, const struct network_address *address,
                    unsigned int number, enum machine_protocol protocol, bool reuse)
{
        static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_STREAM };
        static const int protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };
        _cleanup_close_ int fd =
                socket(family, types[protocol] | SOCK_CLOEXEC, protocols[protocol]);
        struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)number) };
        struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons((uint16_t)number) };
        int off = 0;
        int on = 1;
        int only = !dual;

        if (fd < 0) {
                return -errno;
        }
        if ((family == AF_INET6 &&
             setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) < 0) ||
            (reuse && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)) {
                return -errno;
        }
        memcpy(&four.sin_addr, address->bytes, sizeof(four.sin_addr));
        memcpy(&six.sin6_addr, address->bytes, sizeof(six.sin6_addr));
        if (bind(fd, family == AF_INET ? (void *)&four : (void *)&six,
                 family == AF_INET ? sizeof(four) : sizeof(six)) < 0 ||
            (reuse && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof(off)) < 0)) {
                return -errno;
        }
        return TAKE_FD(fd);
}

/* Sockets in TIME_WAIT of a program that has just exited make a plain bind fail for a minute.
 * SO_REUSEADDR, which bind(2) checks on both sides, allows it; it is cleared afterwards, so that a
 * second program is still refused. Not for UDP, where it would share the port. */
static int bind_one(sa_family_t family, bool dual, const struct network_address *address,
                    unsigned int number, enum machine_protocol protocol)
{
        _cleanup_free_ char *owner = NULL;
        int fd = try_bind(family, dual, address, number, protocol, false);

        if (fd == -EADDRINUSE && protocol == MACHINE_PROTOCOL_TCP &&
            port_find_process(protocol, number, &owner) == -ENOENT) {
                return try_bind(family, dual, address, number, protocol, true);
        }
        /* If the kernel lacks the protocol, nothing on the host can use its ports. */
        return fd == -EPROTONOSUPPORT && protocol == MACHINE_PROTOCOL_SCTP ? -ENOPROTOOPT : fd;
}

int port_bind(const struct machine_port *port, unsigned int number, struct port_families families)
{
        struct network_address address = { 0 };
        sa_family_t family = families.ipv6 ? AF_INET6 : AF_INET;
        /* One dual-stack socket at [::] conflicts with any user of the port. */
        bool dual = families.ipv4 && families.ipv6;

        if (port->address) {
                (void)address_parse(port->address, &address);
                family = address.family;
                dual = false;
        }
        return bind_one(family, dual, &address, number, port->protocol);
}

static int reserve_number(struct batch *batch, const struct machine_port *port, unsigned int number,
                          struct port_families families)
{
        int fd = port_bind(port, number, families);

        if (fd < 0) {
                return fd == -ENOPROTOOPT ? 0 : fd;
        }
        batch->fds[batch->count++] = fd;
        return batch->count == BATCH ? park(batch) : 0;
}

static int reserve_all(struct batch *batch, const struct machine_port *ports, size_t count,
                       struct port_families families, struct port_conflict *conflict)
{
        for (size_t i = 0; i < count; i++) {
                for (unsigned int number = ports[i].host_first; number <= ports[i].host_last;
                     number++) {
                        int r = reserve_number(batch, &ports[i], number, families);

                        if (r < 0) {
                                *conflict = (struct port_conflict){ &ports[i], number };
                                return r;
                        }
                }
        }
        return park(batch);
}

int port_reserve(const struct machine_port *ports, size_t count, struct port_families families,
                 struct port_reservation *ret, struct port_conflict *conflict)
{
        struct batch batch = { .count = 0 };
        int pair[2];
        int r;

        if (count == 0) {
                return 0;
        }
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
                return -errno;
        }
        batch.reservation = (struct port_reservation){ .sender = pair[0], .holder = pair[1] };
        r = reserve_all(&batch, ports, count, families, conflict);
        if (r < 0) {
                for (size_t i = 0; i < batch.count; i++) {
                        fd_close(batch.fds[i]);
                }
                port_release(&batch.reservation);
                return r;
        }
        *ret = batch.reservation;
        return 0;
}

void port_release(struct port_reservation *reservation)
{
        reservation->sender = fd_close(reservation->sender);
        reservation->holder = fd_close(reservation->holder);
}
