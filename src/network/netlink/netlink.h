/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_NETLINK_NETLINK_H
#define NETWORK_NETLINK_NETLINK_H

#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "base/cleanup.h"
#include "base/error.h"

/* Requests over netlink(7) with the kernel's errno and error message: libnl maps errors to its own
 * codes and drops both. */

DEFINE_CLEANUP(struct nl_sock *, nl_socket_free, cleanup_nl_socket)
#define _cleanup_nl_socket_ _cleanup_(cleanup_nl_socket)

DEFINE_CLEANUP(struct nl_msg *, nlmsg_free, cleanup_nl_message)
#define _cleanup_nl_message_ _cleanup_(cleanup_nl_message)

/** The kernel's message for an error (NETLINK_EXT_ACK), or "". */
struct netlink_reason {
        char text[160];
};

/** Opens a socket of the protocol (NETLINK_ROUTE, NETLINK_NETFILTER) in the caller's network
 * namespace, to which it stays bound. Returns 0 or -errno. The caller frees it with
 * nl_socket_free(). */
int netlink_open(int protocol, struct nl_sock **ret);

/** Creates a request to netfilter: `subsystem` is one of NFNL_SUBSYS_*, `type` one of its messages,
 * `family` one of NFPROTO_*. NULL if out of memory. */
struct nl_msg *netlink_filter_message(int subsystem, int type, uint8_t family);

/** Sends one request and waits for its answer. Returns 0, or the kernel's -errno with its message
 * in reason (may be NULL). The caller keeps the message. */
int netlink_request(struct nl_sock *socket, struct nl_msg *message, struct netlink_reason *reason);

/** Called for each message of an answer; a negative errno ends the dump and is returned. */
typedef int (*netlink_handler)(struct nlmsghdr *header, void *data);

/** Like netlink_request(), for a request whose answer is a message. */
int netlink_ask(struct nl_sock *socket, struct nl_msg *message, netlink_handler handler,
                void *data);

/** Sends a dump request (NLM_F_DUMP is added) and calls the handler for every message of the
 * answer. -EAGAIN if the kernel's list changed in the meantime (NLM_F_DUMP_INTR): what the handler
 * got may be incomplete. Returns 0 or -errno. */
int netlink_dump(struct nl_sock *socket, struct nl_msg *message, netlink_handler handler,
                 void *data);

/** Like netlink_dump(), but repeats a dump during which the kernel's list changed. Calls
 * clear(data) before each attempt, to drop what the handler has collected. */
int netlink_dump_repeat(struct nl_sock *socket, struct nl_msg *message, netlink_handler handler,
                        void (*clear)(void *data), void *data);

/** Items of one size, collected by a handler. */
struct netlink_list {
        size_t item_size;
        void *items;
        size_t count;
};

/** Appends a zeroed item and returns it. NULL if out of memory. */
void *netlink_list_add(struct netlink_list *list);

/** Sends a dump request of a type with a header, as netlink_dump_repeat(), to a handler whose data
 * is the list. Returns 0 or -errno, with an empty list. The caller frees list->items. */
int netlink_list_load(struct nl_sock *socket, int type, void *header, size_t header_size,
                      netlink_handler handler, struct netlink_list *list);

/** Sends nfnetlink messages as one transaction and waits for the answer to each that requests one
 * (NLM_F_ACK). Returns 0 or the first -errno; the caller keeps the messages. */
int netlink_batch(struct nl_msg *const *messages, size_t count);

/** Sets the error to what was attempted, the kernel's message and the errno. Returns -errno. */
int netlink_fail(struct machine_error *error, int number, const struct netlink_reason *reason,
                 const char *format, ...) _printf_(4, 5);

#endif
