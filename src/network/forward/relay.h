/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_FORWARD_RELAY_H
#define NETWORK_FORWARD_RELAY_H

#include "base/process/event.h"
#include "network/forward/forward.h"

/* What moves the data of one protocol, in the loop of the forwarder's thread. */

struct stream_relay;
struct datagram_relay;

/** Prepares to forward streams. Returns 0 or -errno; the caller frees it. */
int stream_relay_new(struct event_loop *loop, const struct forward_target *target,
                     struct stream_relay **ret);

/** Forwards the connections of a bound socket. Returns 0 or -errno. */
int stream_relay_listen(struct stream_relay *relay, const struct forward_socket *socket);

/** Closes all connections. NULL is allowed. */
void stream_relay_free(struct stream_relay *relay);

/** The same for datagrams. */
int datagram_relay_new(struct event_loop *loop, const struct forward_target *target,
                       struct datagram_relay **ret);
int datagram_relay_listen(struct datagram_relay *relay, const struct forward_socket *socket);
void datagram_relay_free(struct datagram_relay *relay);

#endif
