/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Datagrams (UDP): a client has a socket of its own to the machine, as long as it or the machine
 * sends something. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/quantity.h"
#include "network/forward/client.h"
#include "network/forward/relay.h"

/* As long as the kernel remembers a flow of datagrams in both directions
 * (nf_conntrack_udp_timeout_stream). */
#define IDLE_SECONDS 120
#define CHECK_USEC   (30 * USEC_PER_SEC)
/* Clients at a time; beyond this number the one that has been silent for longest is dropped. */
#define CLIENTS_MAXIMUM 1024
/* Datagrams forwarded before other sockets get their turn. */
#define TURN          64
#define DATAGRAM_SIZE 65536

struct client {
        struct client *next, *previous; /* in the order of their last use */
        struct receiver *receiver;
        union client_address address;
        struct in6_pktinfo local; /* of a socket for both families: the host's address asked */
        struct in_pktinfo local4; /* of an IPv4 socket */
        union client_address machine;
        int fd;
        struct event_source *source;
        time_t used;
};

/* A bound socket. */
struct receiver {
        struct datagram_relay *relay;
        struct receiver *next;
        struct event_source *source;
        struct forward_socket socket;
};

struct datagram_relay {
        struct event_loop *loop;
        struct forward_target target;
        struct receiver *receivers;
        struct client *newest, *oldest;
        size_t client_count;
        struct event_source *timer;
        char datagram[DATAGRAM_SIZE];
};

/* A datagram with the address that it came to or shall come from. */
struct envelope {
        struct msghdr message;
        struct iovec data;
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(struct in6_pktinfo))];
        } control;
};

static time_t now(void)
{
        struct timespec time;

        (void)clock_gettime(CLOCK_MONOTONIC, &time);
        return time.tv_sec;
}

/* ---- clients ---- */

static void unlink_client(struct datagram_relay *relay, struct client *client)
{
        *(client->previous ? &client->previous->next : &relay->newest) = client->next;
        *(client->next ? &client->next->previous : &relay->oldest) = client->previous;
}

static void link_newest(struct datagram_relay *relay, struct client *client)
{
        client->used = now();
        client->previous = NULL;
        client->next = relay->newest;
        *(client->next ? &client->next->previous : &relay->oldest) = client;
        relay->newest = client;
}

static void drop(struct datagram_relay *relay, struct client *client)
{
        unlink_client(relay, client);
        relay->client_count--;
        event_remove(client->source);
        fd_close(client->fd);
        free(client);
}

static void use(struct datagram_relay *relay, struct client *client)
{
        if (relay->newest != client) {
                unlink_client(relay, client);
                link_newest(relay, client);
        } else {
                client->used = now();
        }
}

static int on_timer(struct event_source *source, void *data)
{
        struct datagram_relay *relay = data;

        while (relay->oldest && now() - relay->oldest->used >= IDLE_SECONDS) {
                drop(relay, relay->oldest);
        }
        return event_set_timer(source, relay->oldest ? CHECK_USEC : USEC_INFINITY);
}

static struct client *find(const struct datagram_relay *relay, const struct client *like)
{
        for (struct client *client = relay->newest; client; client = client->next) {
                if (client->receiver == like->receiver &&
                    client_is_same(&client->address, &like->address) &&
                    memcmp(&client->local.ipi6_addr, &like->local.ipi6_addr,
                           sizeof(like->local.ipi6_addr)) == 0 &&
                    client->local4.ipi_spec_dst.s_addr == like->local4.ipi_spec_dst.s_addr) {
                        return client;
                }
        }
        return NULL;
}

/* ---- from the machine ---- */

/* An answer comes from the address that the client has asked. */
static void address_answer(const struct client *client, union client_address *to,
                           struct envelope *envelope)
{
        struct cmsghdr *header = &envelope->control.header;
        bool six = client->local4.ipi_spec_dst.s_addr == 0;

        envelope->message.msg_name = to;
        envelope->message.msg_namelen = client_size(to);
        envelope->message.msg_control = &envelope->control;
        header->cmsg_level = six ? SOL_IPV6 : SOL_IP;
        header->cmsg_type = six ? IPV6_PKTINFO : IP_PKTINFO;
        if (six) {
                header->cmsg_len = CMSG_LEN(sizeof(client->local));
                memcpy(CMSG_DATA(header), &client->local, sizeof(client->local));
                envelope->message.msg_controllen = CMSG_SPACE(sizeof(client->local));
        } else {
                header->cmsg_len = CMSG_LEN(sizeof(client->local4));
                memcpy(CMSG_DATA(header), &client->local4, sizeof(client->local4));
                envelope->message.msg_controllen = CMSG_SPACE(sizeof(client->local4));
        }
}

static void answer(struct datagram_relay *relay, struct client *client, size_t length)
{
        union client_address to = client->address;
        struct envelope envelope = { .data = { relay->datagram, length } };

        envelope.message.msg_iov = &envelope.data;
        envelope.message.msg_iovlen = 1;
        address_answer(client, &to, &envelope);
        /* A datagram that cannot be sent is lost, as on any network. */
        (void)sendmsg(client->receiver->socket.fd, &envelope.message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static bool is_machine(const struct client *client, const union client_address *sender)
{
        return sender->any.sa_family == AF_INET
                       ? sender->four.sin_addr.s_addr == client->machine.four.sin_addr.s_addr &&
                                 sender->four.sin_port == client->machine.four.sin_port
                       : memcmp(&sender->six.sin6_addr, &client->machine.six.sin6_addr,
                                sizeof(sender->six.sin6_addr)) == 0 &&
                                 sender->six.sin6_port == client->machine.six.sin6_port;
}

static int on_answer(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct client *client = data;
        struct datagram_relay *relay = client->receiver->relay;

        for (int i = 0; i < TURN; i++) {
                union client_address sender = { 0 };
                socklen_t size = sizeof(sender);
                ssize_t n = recvfrom(fd, relay->datagram, DATAGRAM_SIZE, MSG_DONTWAIT, &sender.any,
                                     &size);

                if (n < 0 && errno == EAGAIN) {
                        break;
                }
                /* Between bind and connect the socket accepts datagrams from every machine. */
                if (n >= 0 && is_machine(client, &sender)) {
                        use(relay, client);
                        answer(relay, client, (size_t)n);
                }
        }
        return 0;
}

/* ---- from clients ---- */

static struct client *begin(struct datagram_relay *relay, const struct client *like)
{
        struct client *client = malloc(sizeof(*client));
        union client_address address = like->address;

        if (!client) {
                return NULL;
        }
        if (relay->client_count >= CLIENTS_MAXIMUM) {
                drop(relay, relay->oldest);
        }
        *client = *like;
        client_unmap(&address);
        client->fd = client_connect(&relay->target, SOCK_DGRAM, like->receiver->socket.machine_port,
                                    &address, &client->machine);
        if (client->fd < 0 || event_add_fd(relay->loop, client->fd, EPOLLIN, on_answer, client,
                                           &client->source) < 0) {
                fd_close(client->fd);
                free(client);
                return NULL;
        }
        if (!relay->oldest) {
                (void)event_set_timer(relay->timer, CHECK_USEC);
        }
        relay->client_count++;
        link_newest(relay, client);
        return client;
}

/* The address that a datagram was sent to. */
static void take_local(struct msghdr *message, struct client *like)
{
        for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
             header = CMSG_NXTHDR(message, header)) {
                if (header->cmsg_level == SOL_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
                        memcpy(&like->local, CMSG_DATA(header), sizeof(like->local));
                        /* Answers leave by the route, except to addresses of one link. */
                        if (!IN6_IS_ADDR_LINKLOCAL(&like->local.ipi6_addr)) {
                                like->local.ipi6_ifindex = 0;
                        }
                } else if (header->cmsg_level == SOL_IP && header->cmsg_type == IP_PKTINFO) {
                        memcpy(&like->local4, CMSG_DATA(header), sizeof(like->local4));
                        like->local4.ipi_ifindex = 0;
                        like->local4.ipi_spec_dst = like->local4.ipi_addr;
                }
        }
}

static int receive(struct receiver *receiver, struct client *ret_like, size_t *ret_length)
{
        struct envelope envelope = { .data = { receiver->relay->datagram, DATAGRAM_SIZE } };
        ssize_t n;

        *ret_like = (struct client){ .receiver = receiver };
        envelope.message = (struct msghdr){
                .msg_name = &ret_like->address,
                .msg_namelen = sizeof(ret_like->address),
                .msg_iov = &envelope.data,
                .msg_iovlen = 1,
                .msg_control = &envelope.control,
                .msg_controllen = sizeof(envelope.control),
        };
        n = recvmsg(receiver->socket.fd, &envelope.message, MSG_DONTWAIT);
        if (n < 0) {
                return -errno;
        }
        take_local(&envelope.message, ret_like);
        *ret_length = (size_t)n;
        return 0;
}

static int on_datagram(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct receiver *receiver = data;
        struct datagram_relay *relay = receiver->relay;

        for (int i = 0; i < TURN; i++) {
                struct client like;
                struct client *client;
                size_t length = 0;
                int r = receive(receiver, &like, &length);

                if (r == -EAGAIN) {
                        break;
                }
                if (r < 0) {
                        continue;
                }
                client = find(relay, &like);
                client = client ? client : begin(relay, &like);
                if (client) {
                        use(relay, client);
                        (void)send(client->fd, relay->datagram, length,
                                   MSG_DONTWAIT | MSG_NOSIGNAL);
                }
        }
        return 0;
}

int datagram_relay_new(struct event_loop *loop, const struct forward_target *target,
                       struct datagram_relay **ret)
{
        struct datagram_relay *relay = calloc(1, sizeof(*relay));
        int r;

        if (!relay) {
                return -ENOMEM;
        }
        relay->loop = loop;
        relay->target = *target;
        r = event_add_timer(loop, on_timer, relay, &relay->timer);
        if (r < 0) {
                free(relay);
                return r;
        }
        *ret = relay;
        return 0;
}

int datagram_relay_listen(struct datagram_relay *relay, const struct forward_socket *socket)
{
        struct receiver *receiver = calloc(1, sizeof(*receiver));
        int r;

        if (!receiver) {
                return -ENOMEM;
        }
        *receiver = (struct receiver){ .relay = relay, .socket = *socket };
        r = event_add_fd(relay->loop, socket->fd, EPOLLIN, on_datagram, receiver,
                         &receiver->source);
        if (r < 0) {
                free(receiver);
                return r;
        }
        receiver->next = relay->receivers;
        relay->receivers = receiver;
        return 0;
}

void datagram_relay_free(struct datagram_relay *relay)
{
        if (!relay) {
                return;
        }
        while (relay->oldest) {
                drop(relay, relay->oldest);
        }
        while (relay->receivers) {
                struct receiver *receiver = relay->receivers;

                relay->receivers = receiver->next;
                event_remove(receiver->source);
                free(receiver);
        }
        event_remove(relay->timer);
        free(relay);
}
