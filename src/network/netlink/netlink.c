/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/netlink/netlink.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/handlers.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/strings.h"

#define DUMP_ATTEMPTS 16

#ifndef SOL_NETLINK
#        define SOL_NETLINK 270
#endif

/* The result of a request, filled by its callbacks. */
struct exchange {
        int result;
        bool done;
        bool interrupted;
        struct netlink_reason *reason;
        netlink_handler handler;
        void *data;
};

int netlink_open(int protocol, struct nl_sock **ret)
{
        _cleanup_nl_socket_ struct nl_sock *socket = nl_socket_alloc();
        int on = 1;

        if (!socket) {
                return -ENOMEM;
        }
        errno = 0;
        if (nl_connect(socket, protocol) < 0) {
                return errno > 0 ? -errno : -EIO;
        }
        /* The kernel's message is optional. */
        (void)setsockopt(nl_socket_get_fd(socket), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
        (void)nl_socket_set_buffer_size(socket, 1 << 20, 0);
        *ret = TAKE_PTR(socket);
        return 0;
}

struct nl_msg *netlink_filter_message(int subsystem, int type, uint8_t family)
{
        struct nl_msg *message = nlmsg_alloc_simple(subsystem << 8 | type, 0);
        struct nfgenmsg header = { .nfgen_family = family, .version = NFNETLINK_V0 };

        if (message && nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) < 0) {
                nlmsg_free(message);
                return NULL;
        }
        return message;
}

/* The kernel's message follows the echoed header, which NLM_F_CAPPED truncates to its first
 * part. */
static void take_reason(const struct nlmsgerr *report, struct netlink_reason *reason)
{
        const struct nlmsghdr *header =
                (const struct nlmsghdr *)((const char *)report - NLMSG_HDRLEN);
        size_t skip = sizeof(*report);
        struct nlattr *text;

        if (!reason || !(header->nlmsg_flags & NLM_F_ACK_TLVS)) {
                return;
        }
        if (!(header->nlmsg_flags & NLM_F_CAPPED)) {
                skip += report->msg.nlmsg_len - NLMSG_HDRLEN;
        }
        skip = NLMSG_ALIGN(skip);
        if (header->nlmsg_len < NLMSG_HDRLEN + skip) {
                return;
        }
        text = nla_find((struct nlattr *)((char *)report + skip),
                        (int)(header->nlmsg_len - NLMSG_HDRLEN - skip), NLMSGERR_ATTR_MSG);
        if (text) {
                (void)snprintf(reason->text, sizeof(reason->text), "%.*s", nla_len(text),
                               (const char *)nla_data(text));
        }
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *report, void *argument)
{
        struct exchange *exchange = argument;

        exchange->result = report->error;
        exchange->done = true;
        take_reason(report, exchange->reason);
        return NL_STOP;
}

static int on_done(struct nl_msg *message, void *argument)
{
        struct exchange *exchange = argument;

        exchange->done = true;
        return NL_STOP;
}

static void note_interruption(struct exchange *exchange, const struct nlmsghdr *header)
{
        if (header->nlmsg_flags & NLM_F_DUMP_INTR) {
                exchange->interrupted = true;
        }
}

static int on_valid(struct nl_msg *message, void *argument)
{
        struct exchange *exchange = argument;
        struct nlmsghdr *header = nlmsg_hdr(message);

        note_interruption(exchange, header);
        if (exchange->handler && exchange->result == 0) {
                exchange->result = exchange->handler(header, exchange->data);
        }
        return NL_OK;
}

/* The end of a dump carries its error code. */
static int on_finish(struct nl_msg *message, void *argument)
{
        struct exchange *exchange = argument;
        struct nlmsghdr *header = nlmsg_hdr(message);

        note_interruption(exchange, header);
        if (exchange->result == 0 && nlmsg_datalen(header) >= (int)sizeof(int)) {
                int verdict;

                memcpy(&verdict, nlmsg_data(header), sizeof(verdict));
                exchange->result = verdict < 0 ? verdict : 0;
        }
        exchange->done = true;
        return NL_STOP;
}

static int run(struct nl_sock *socket, struct nl_msg *message, struct exchange *exchange)
{
        struct nl_cb *callbacks = nl_cb_alloc(NL_CB_DEFAULT);
        int r;

        if (!callbacks) {
                return -ENOMEM;
        }
        nl_cb_err(callbacks, NL_CB_CUSTOM, on_error, exchange);
        nl_cb_set(callbacks, NL_CB_ACK, NL_CB_CUSTOM, on_done, exchange);
        nl_cb_set(callbacks, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, exchange);
        nl_cb_set(callbacks, NL_CB_VALID, NL_CB_CUSTOM, on_valid, exchange);
        errno = 0;
        r = nl_send_auto(socket, message);
        while (r >= 0 && !exchange->done) {
                r = nl_recvmsgs(socket, callbacks);
                /* libnl's code for an interrupted dump: the rest of the answer must still be read,
                 * or it would be taken for the next request's. */
                if (r == -NLE_DUMP_INTR) {
                        exchange->interrupted = true;
                        r = 0;
                }
        }
        nl_cb_put(callbacks);
        /* After an error report nl_recvmsgs() fails with libnl's code for it. */
        if (r < 0 && !exchange->done) {
                return errno > 0 ? -errno : -EIO;
        }
        return exchange->result;
}

int netlink_request(struct nl_sock *socket, struct nl_msg *message, struct netlink_reason *reason)
{
        struct exchange exchange = { .reason = reason };

        if (reason) {
                reason->text[0] = '\0';
        }
        nlmsg_hdr(message)->nlmsg_flags |= NLM_F_ACK;
        return run(socket, message, &exchange);
}

int netlink_ask(struct nl_sock *socket, struct nl_msg *message, netlink_handler handler, void *data)
{
        struct exchange exchange = { .handler = handler, .data = data };

        nlmsg_hdr(message)->nlmsg_flags |= NLM_F_ACK;
        return run(socket, message, &exchange);
}

int netlink_dump(struct nl_sock *socket, struct nl_msg *message, netlink_handler handler,
                 void *data)
{
        struct exchange exchange = { .handler = handler, .data = data };
        int r;

        nlmsg_hdr(message)->nlmsg_flags |= NLM_F_DUMP;
        r = run(socket, message, &exchange);
        return r == 0 && exchange.interrupted ? -EAGAIN : r;
}

int netlink_dump_repeat(struct nl_sock *socket, struct nl_msg *message, netlink_handler handler,
                        void (*clear)(void *data), void *data)
{
        int r = -EAGAIN;

        for (int attempt = 0; r == -EAGAIN && attempt < DUMP_ATTEMPTS; attempt++) {
                clear(data);
                nlmsg_hdr(message)->nlmsg_seq = NL_AUTO_SEQ;
                r = netlink_dump(socket, message, handler, data);
        }
        return r;
}

void *netlink_list_add(struct netlink_list *list)
{
        char *grown = reallocarray(list->items, list->count + 1, list->item_size);

        if (!grown) {
                return NULL;
        }
        list->items = grown;
        return memset(grown + list->item_size * list->count++, 0, list->item_size);
}

static void clear_list(void *data)
{
        struct netlink_list *list = data;

        free(list->items);
        *list = (struct netlink_list){ .item_size = list->item_size };
}

int netlink_list_load(struct nl_sock *socket, int type, void *header, size_t header_size,
                      netlink_handler handler, struct netlink_list *list)
{
        _cleanup_nl_message_ struct nl_msg *message = nlmsg_alloc_simple(type, 0);
        int r = -ENOMEM;

        if (message && nlmsg_append(message, header, header_size, NLMSG_ALIGNTO) >= 0) {
                r = netlink_dump_repeat(socket, message, handler, clear_list, list);
        }
        if (r < 0) {
                clear_list(list);
        }
        return r;
}

/* Collects and numbers the messages; returns the number of expected answers. */
static size_t gather(struct nl_sock *socket, struct nl_msg *const *messages, size_t count,
                     char *buffer)
{
        size_t answers = 0;
        size_t at = 0;

        for (size_t i = 0; i < count; i++) {
                struct nlmsghdr *header = nlmsg_hdr(messages[i]);

                header->nlmsg_seq = nl_socket_use_seq(socket);
                header->nlmsg_pid = nl_socket_get_local_port(socket);
                answers += (header->nlmsg_flags & NLM_F_ACK) != 0;
                memcpy(buffer + at, header, header->nlmsg_len);
                at += NLMSG_ALIGN(header->nlmsg_len);
        }
        return answers;
}

/* Reads the answers: each is an error report, with error 0 for success. They echo no more than a
 * header of the request (NETLINK_CAP_ACK). A batch that is refused as a whole has one answer. */
static int read_answers(struct nl_sock *socket, size_t answers)
{
        char buffer[16 << 10] __attribute__((aligned(NLMSG_ALIGNTO)));
        int result = 0;

        while (answers > 0) {
                ssize_t length = recv(nl_socket_get_fd(socket), buffer, sizeof(buffer), 0);
                struct nlmsghdr *header = (struct nlmsghdr *)buffer;

                if (length < 0 && errno == EINTR) {
                        continue;
                }
                if (length <= 0) {
                        return errno > 0 ? -errno : -EIO;
                }
                for (int left = (int)length; answers > 0 && nlmsg_ok(header, left);
                     header = nlmsg_next(header, &left)) {
                        const struct nlmsgerr *report = nlmsg_data(header);

                        if (header->nlmsg_type == NLMSG_ERROR &&
                            report->msg.nlmsg_type == NFNL_MSG_BATCH_BEGIN && report->error != 0) {
                                return report->error;
                        }
                        if (header->nlmsg_type == NLMSG_ERROR) {
                                result = result == 0 ? report->error : result;
                                answers--;
                        }
                }
        }
        return result;
}

int netlink_batch(struct nl_msg *const *messages, size_t count)
{
        _cleanup_nl_socket_ struct nl_sock *socket = NULL;
        _cleanup_free_ char *buffer = NULL;
        size_t length = 0;
        size_t answers;
        int on = 1;
        int size;
        int r = netlink_open(NETLINK_NETFILTER, &socket);

        if (r < 0) {
                return r;
        }
        for (size_t i = 0; i < count; i++) {
                length += NLMSG_ALIGN(nlmsg_hdr(messages[i])->nlmsg_len);
        }
        buffer = calloc(1, length);
        if (!buffer) {
                return -ENOMEM;
        }
        /* The kernel accepts a transaction only in one datagram. */
        size = (int)(2 * length);
        if (setsockopt(nl_socket_get_fd(socket), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) <
            0) {
                (void)setsockopt(nl_socket_get_fd(socket), SOL_SOCKET, SO_SNDBUF, &size,
                                 sizeof(size));
        }
        (void)setsockopt(nl_socket_get_fd(socket), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
        answers = gather(socket, messages, count, buffer);
        if (nl_sendto(socket, buffer, length) < 0) {
                return errno > 0 ? -errno : -EIO;
        }
        return read_answers(socket, answers);
}

int netlink_fail(struct machine_error *error, int number, const struct netlink_reason *reason,
                 const char *format, ...)
{
        _cleanup_free_ char *attempt = STRING_OF_ARGUMENTS(format);

        if (!attempt) {
                return error_oom(error);
        }
        if (reason && reason->text[0] != '\0') {
                return error_set(error, number, "%s (%s)", attempt, reason->text);
        }
        return error_set(error, number, "%s", attempt);
}
