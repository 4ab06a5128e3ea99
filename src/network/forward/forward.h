/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_FORWARD_FORWARD_H
#define NETWORK_FORWARD_FORWARD_H

#include <machine/machine.h>

#include "base/error.h"
#include "network/netlink/address.h"
#include "network/state/port.h"

/**
 * Published ports of a user's machine. A user has no rules in the host's network: the supervisor
 * listens at the ports itself, and a thread of it in the user's network moves the data.
 */

/** A socket of the host, bound to one published port. */
struct forward_socket {
        int fd;
        enum machine_protocol protocol;
        uint16_t machine_port;
};

struct forward_sockets {
        struct forward_socket *items;
        size_t count;
};

/** The machine, as reached in the user's network. */
struct forward_target {
        struct network_address address, address6;
        struct network_address gateway, gateway6;
        struct network_prefix subnet, subnet6;
};

/**
 * Binds all ports in the caller's network namespace: at all addresses of both families, unless the
 * port names one. Returns 0, or the errno of bind(2) with the port in *conflict; -EPROTONOSUPPORT
 * for SCTP. Sets no error. The caller ends it with forward_release().
 */
int forward_bind(const struct machine_port *ports, size_t count, struct forward_sockets *ret,
                 struct port_conflict *conflict);

/** Closes the sockets. */
void forward_release(struct forward_sockets *sockets);

/** The running forwarder. */
struct forwarder;

/**
 * Starts to forward: connections and datagrams that arrive at the sockets go to the machine, which
 * sees the client's address. `namespace_fd` is the user's network namespace. The sockets and the
 * descriptor are borrowed until forward_stop(). Returns 0 or -errno with error set.
 */
int forward_start(const struct forward_sockets *sockets, const struct forward_target *target,
                  int namespace_fd, struct forwarder **ret, struct machine_error *error);

/** Closes all connections and ends the thread. The sockets keep listening; what arrives waits in
 * them. NULL is allowed. */
void forward_stop(struct forwarder *forwarder);

#endif
