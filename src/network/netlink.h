/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_NETLINK_H
#define NETWORK_NETLINK_H

#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "base/cleanup.h"
#include "base/error.h"

/* Requests over netlink(7) with the kernel's own errno and sentence: libnl maps errors to numbers
 * of its own and loses both. */

DEFINE_CLEANUP(struct nl_sock *, nl_socket_free, cleanup_nl_socket)
#define _cleanup_nl_socket_ _cleanup_(cleanup_nl_socket)

DEFINE_CLEANUP(struct nl_msg *, nlmsg_free, cleanup_nl_message)
#define _cleanup_nl_message_ _cleanup_(cleanup_nl_message)

/** What the kernel added to a refusal (NETLINK_EXT_ACK), "" for nothing. */
struct netlink_reason {
        char text[160];
};

/** Opens a socket of the protocol (NETLINK_ROUTE, NETLINK_NETFILTER) in the caller's network
 * namespace; it stays bound to it. 0 or -errno. The caller frees it with nl_socket_free(). */
int netlink_open(int protocol, struct nl_sock **ret);

/** Makes a request to netfilter: `subsystem` is one of NFNL_SUBSYS_*, the type one of its messages,
 * the family one of NFPROTO_*. NULL when memory is short. */
struct nl_msg *netlink_filter_message(int subsystem, int type, uint8_t family);

/** Sends one request and waits for its answer. 0, or the kernel's -errno with its sentence in
 * reason (may be NULL). The message stays the caller's. */
int netlink_request(struct nl_sock *socket, struct nl_msg *message, struct netlink_reason *reason);

/** Called for each message of a dump: 0 to go on, or a negative errno that the dump returns. */
typedef int (*netlink_handler)(struct nlmsghdr *header, void *data);

/** Sends a dump request (NLM_F_DUMP is added) and hands every message of the answer to the handler.
 * -EAGAIN where the kernel's list changed meanwhile (NLM_F_DUMP_INTR): what the handler saw may be
 * incomplete. 0 or -errno. */
int netlink_dump(struct nl_sock *socket, struct nl_msg *message, netlink_handler handler,
                 void *data);

/** Sends messages of nfnetlink in one piece, as one transaction, and waits for the answer to each
 * that asks for one (NLM_F_ACK). 0 or the first -errno; the messages stay the caller's. */
int netlink_batch(struct nl_msg *const *messages, size_t count);

/** Fills the error with what was attempted, the kernel's sentence and the number. Returns -errno.
 */
int netlink_fail(struct machine_error *error, int number, const struct netlink_reason *reason,
                 const char *format, ...) _printf_(4, 5);

#endif
