/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_PORT_H
#define NETWORK_PORT_H

#include <machine/machine.h>

#include "base/error.h"
#include "network/address.h"

/**
 * Published ports, kept bound on the host so that no other program gets them: a bind of its own
 * fails. The sockets wait, in flight, in the queue of a pair of Unix sockets: two descriptors hold
 * any number of ports, and neither the machine's first process nor select(2) in a library sees
 * them.
 */
struct port_reservation {
        int sender;
        int holder;
};

#define PORT_RESERVATION_INIT                      \
        {                                          \
                .sender = -EBADF, .holder = -EBADF \
        }

/** Which families of a port's host side are reserved: those that the machine has an address of. */
struct port_families {
        bool ipv4;
        bool ipv6;
};

/** "8080/tcp", "192.0.2.1:53/udp", "[2001:db8::1]:53/udp" or with a range "8000-8010/tcp". */
char *port_format(const struct machine_port *port);

/** As a definition spells it: "192.0.2.1:8000-8010:9000-9010/tcp". */
char *port_format_pair(const struct machine_port *port);

/** "8080/tcp" and the like for one port of the host. */
char *port_format_one(const char *address, unsigned int number, enum machine_protocol protocol);

/** Checks that the addresses of the ports are addresses of a kind that can be published. -EINVAL
 * with an error. */
int port_check(const struct machine_port *ports, size_t count, struct port_families families,
               struct machine_error *error);

/** Which port a reservation failed at. */
struct port_conflict {
        const struct machine_port *port;
        unsigned int number;
};

/**
 * Binds all ports. -EADDRINUSE, -EADDRNOTAVAIL or whatever bind(2) said, with the port in
 * *conflict; no error is filled: the caller knows the other machines. Nothing stays bound on
 * failure.
 */
int port_reserve(const struct machine_port *ports, size_t count, struct port_families families,
                 struct port_reservation *ret, struct port_conflict *conflict);

/** Lets all ports go. */
void port_release(struct port_reservation *reservation);

/** Finds the process that has a port of the host: "nginx (process 123)". 0, or -ENOENT where none
 * can be told. The caller frees *ret. */
int port_find_process(enum machine_protocol protocol, unsigned int number, char **ret);

#endif
