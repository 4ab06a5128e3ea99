/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_STATE_PORT_H
#define NETWORK_STATE_PORT_H

#include <machine/machine.h>

#include "base/error.h"
#include "network/netlink/address.h"

/**
 * Published ports, kept bound on the host so that no other program can bind them. The sockets wait,
 * in flight, in the queue of a pair of Unix sockets: two descriptors hold any number of ports, and
 * neither the machine's first process nor select(2) in a library sees them.
 */
struct port_reservation {
        int sender;
        int holder;
};

#define PORT_RESERVATION_INIT                      \
        {                                          \
                .sender = -EBADF, .holder = -EBADF \
        }

/** The address families to reserve on the host: those of the machine's addresses. */
struct port_families {
        bool ipv4;
        bool ipv6;
};

/** "8080/tcp", "192.0.2.1:53/udp", "[2001:db8::1]:53/udp" or with a range "8000-8010/tcp". */
char *port_format(const struct machine_port *port);

/** In the definition's syntax: "192.0.2.1:8000-8010:9000-9010/tcp". */
char *port_format_pair(const struct machine_port *port);

/** As above, for one port of the host. */
char *port_format_one(const char *address, unsigned int number, enum machine_protocol protocol);

/** Checks that the ports' addresses can be published. Returns 0, or -EINVAL with error set. */
int port_check(const struct machine_port *ports, size_t count, struct port_families families,
               struct machine_error *error);

/** Binds one of a port's numbers: at its address, or at all of the families. Returns the socket or
 * -errno; -ENOPROTOOPT if the kernel lacks the protocol. */
int port_bind(const struct machine_port *port, unsigned int number, struct port_families families);

/** The port that a reservation failed for. */
struct port_conflict {
        const struct machine_port *port;
        unsigned int number;
};

/**
 * Binds all ports. Returns -EADDRINUSE, -EADDRNOTAVAIL or another errno of bind(2) with the port in
 * *conflict; does not set an error, as the caller knows the other machines. Nothing stays bound on
 * failure.
 */
int port_reserve(const struct machine_port *ports, size_t count, struct port_families families,
                 struct port_reservation *ret, struct port_conflict *conflict);

/** Releases all ports. */
void port_release(struct port_reservation *reservation);

/** Finds the process that uses a port of the host: "nginx (process 123)". Returns 0, or -ENOENT if
 * it cannot be determined. The caller frees *ret. */
int port_find_process(enum machine_protocol protocol, unsigned int number, char **ret);

#endif
