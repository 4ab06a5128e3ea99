/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_FORWARD_CLIENT_H
#define NETWORK_FORWARD_CLIENT_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "network/forward/forward.h"

/* A client of a published port, as the machine sees it. */

/** A socket address of either family. */
union client_address {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
};

/** Turns an IPv4 address mapped to IPv6, as a dual-stack socket reports it, into an IPv4 one. */
void client_unmap(union client_address *address);

/** Whether two addresses are the same, with their ports. */
bool client_is_same(const union client_address *a, const union client_address *b);

/** The size of an address of its family. */
socklen_t client_size(const union client_address *address);

/**
 * Opens a socket of the type to a port of the machine, non-blocking; a stream may still be
 * connecting. Its own end has the client's address and port, which is no address of this network
 * namespace (IP_TRANSPARENT of ip(7)); the rules deliver the machine's answers. A client whose
 * address the machine could not answer (loopback, link-local, in the machine's own subnet, or of a
 * family that the machine lacks) has the gateway's address. *ret_machine (may be NULL) is the
 * address connected to. Returns the descriptor or -errno.
 */
int client_connect(const struct forward_target *target, int type, uint16_t port,
                   const union client_address *client, union client_address *ret_machine);

#endif
