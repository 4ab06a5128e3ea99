/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "network/forward/forward.h"

/* Clients beyond this number that have not been accepted yet wait for their next attempt. */
#define BACKLOG 4096

static int prepare(int fd, enum machine_protocol protocol)
{
        int family = 0;
        int on = 1;
        socklen_t size = sizeof(family);

        if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
                return -errno;
        }
        /* Accepted connections inherit the option: those that linger after the machine must not
         * keep its next start from the port. No two sockets can listen in spite of it. */
        if (protocol == MACHINE_PROTOCOL_TCP) {
                return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
                                       listen(fd, BACKLOG) < 0
                               ? -errno
                               : 0;
        }
        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) < 0) {
                return -errno;
        }
        /* Answers come from the address that was asked. */
        return setsockopt(fd, family == AF_INET ? SOL_IP : SOL_IPV6,
                          family == AF_INET ? IP_PKTINFO : IPV6_RECVPKTINFO, &on, sizeof(on)) < 0
                       ? -errno
                       : 0;
}

static int add(struct forward_sockets *sockets, const struct machine_port *port,
               unsigned int number)
{
        const struct port_families both = { .ipv4 = true, .ipv6 = true };
        const struct port_families ipv4 = { .ipv4 = true };
        struct forward_socket *grown;
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (port->protocol == MACHINE_PROTOCOL_SCTP) {
                return -EPROTONOSUPPORT;
        }
        fd = port_bind(port, number, both);
        if (fd == -EAFNOSUPPORT && !port->address) {
                fd = port_bind(port, number, ipv4);
        }
        if (fd < 0) {
                return fd;
        }
        r = prepare(fd, port->protocol);
        if (r < 0) {
                return r;
        }
        grown = reallocarray(sockets->items, sockets->count + 1, sizeof(*grown));
        if (!grown) {
                return -ENOMEM;
        }
        sockets->items = grown;
        grown[sockets->count++] = (struct forward_socket){
                .fd = TAKE_FD(fd),
                .protocol = port->protocol,
                .machine_port = (uint16_t)(port->machine_first + (number - port->host_first)),
        };
        return 0;
}

int forward_bind(const struct machine_port *ports, size_t count, struct forward_sockets *ret,
                 struct port_conflict *conflict)
{
        struct forward_sockets sockets = { 0 };

        for (size_t i = 0; i < count; i++) {
                for (unsigned int number = ports[i].host_first; number <= ports[i].host_last;
                     number++) {
                        int r = add(&sockets, &ports[i], number);

                        if (r < 0) {
                                *conflict = (struct port_conflict){ &ports[i], number };
                                forward_release(&sockets);
                                return r;
                        }
                }
        }
        *ret = sockets;
        return 0;
}

void forward_release(struct forward_sockets *sockets)
{
        for (size_t i = 0; i < sockets->count; i++) {
                fd_close(sockets->items[i].fd);
        }
        free(sockets->items);
        *sockets = (struct forward_sockets){ 0 };
}
