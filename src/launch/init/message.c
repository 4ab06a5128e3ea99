/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/init/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/error.h"

/* One text of an error: long enough for two paths of PATH_MAX. */
#define TEXT_MAXIMUM 10000

struct packet {
        uint32_t type;
        uint32_t kind;
        int32_t number;      /* errno, or the exit status of MESSAGE_ENDED */
        uint32_t lengths[3]; /* of step, message and hint, in this order; 0: none */
};

int message_socket_pair(int ends[static 2])
{
        return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ? -errno : 0;
}

static int send_packet(int socket, struct iovec *parts, size_t count, int fd)
{
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        struct msghdr packet = { .msg_iov = parts, .msg_iovlen = count };

        if (fd >= 0) {
                packet.msg_control = control.room;
                packet.msg_controllen = sizeof control.room;
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                control.header.cmsg_len = CMSG_LEN(sizeof fd);
                memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
        }
        while (sendmsg(socket, &packet, MSG_NOSIGNAL) < 0) {
                if (errno != EINTR) {
                        return -errno;
                }
        }
        return 0;
}

int message_send(int socket, enum message_type type)
{
        return message_send_fd(socket, type, -EBADF);
}

int message_send_fd(int socket, enum message_type type, int fd)
{
        struct packet packet = { .type = type };
        struct iovec part = { &packet, sizeof packet };

        return send_packet(socket, &part, 1, fd);
}

int message_send_ended(int socket, int status)
{
        struct packet packet = { .type = MESSAGE_ENDED, .number = status };
        struct iovec part = { &packet, sizeof packet };

        return send_packet(socket, &part, 1, -EBADF);
}

static int send_texts(int socket, enum message_type type, const struct machine_error *error)
{
        char *texts[] = { error->step, error->message, error->hint };
        struct packet packet = {
                .type = type,
                .kind = (uint32_t)error->kind,
                .number = error->number,
        };
        struct iovec parts[1 + ELEMENTS_OF(texts)] = { { &packet, sizeof packet } };

        for (size_t i = 0; i < ELEMENTS_OF(texts); i++) {
                packet.lengths[i] = texts[i] ? (uint32_t)strnlen(texts[i], TEXT_MAXIMUM) : 0;
                parts[i + 1] = (struct iovec){ texts[i], packet.lengths[i] };
        }
        return send_packet(socket, parts, ELEMENTS_OF(parts), -EBADF);
}

int message_send_error(int socket, const struct machine_error *error)
{
        return send_texts(socket, MESSAGE_ERROR, error);
}

int message_send_warning(int socket, const char *text)
{
        const struct machine_error warning = { .message = (char *)text };

        return send_texts(socket, MESSAGE_WARNING, &warning);
}

static int take_descriptor(struct msghdr *packet)
{
        struct cmsghdr *header = CMSG_FIRSTHDR(packet);
        int fd = -EBADF;

        if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
            header->cmsg_len == CMSG_LEN(sizeof fd)) {
                memcpy(&fd, CMSG_DATA(header), sizeof fd);
        }
        return fd;
}

/* The sender is a process in the machine, though not yet the payload: only the form of its messages
 * is trusted. */
static int take_error(const struct packet *packet, const char *texts, size_t length,
                      struct machine_error *ret)
{
        struct machine_error error = MACHINE_ERROR_INIT;
        char **places[] = { &error.step, &error.message, &error.hint };

        if (packet->kind > MACHINE_ERROR_NOT_FOUND) {
                return -EBADMSG;
        }
        error.kind = (enum machine_error_kind)packet->kind;
        error.number = packet->number;
        for (size_t i = 0; i < ELEMENTS_OF(places); i++) {
                if (packet->lengths[i] > length) {
                        machine_error_clear(&error);
                        return -EBADMSG;
                }
                if (packet->lengths[i] > 0) {
                        *places[i] = strndup(texts, packet->lengths[i]);
                }
                texts += packet->lengths[i];
                length -= packet->lengths[i];
        }
        *ret = error;
        return 0;
}

int message_receive(int socket, struct message *ret)
{
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(int))];
        } control;
        char texts[3 * TEXT_MAXIMUM];
        struct packet packet;
        struct iovec parts[] = { { &packet, sizeof packet }, { texts, sizeof texts } };
        struct msghdr header = {
                .msg_iov = parts,
                .msg_iovlen = ELEMENTS_OF(parts),
                .msg_control = control.room,
                .msg_controllen = sizeof control.room,
        };
        struct message message = { .fd = -EBADF, .error = MACHINE_ERROR_INIT };
        ssize_t n;

        do {
                n = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
        } while (n < 0 && errno == EINTR);
        if (n <= 0) {
                /* A peer that died with unread packets resets the connection: this counts as
                 * closed. */
                return n == 0 || errno == ECONNRESET ? 0 : -errno;
        }
        message.fd = take_descriptor(&header);
        if ((size_t)n < sizeof packet || packet.type > MESSAGE_ROOT ||
            ((packet.type == MESSAGE_ERROR || packet.type == MESSAGE_WARNING) &&
             take_error(&packet, texts, (size_t)n - sizeof packet, &message.error) < 0)) {
                fd_close(message.fd);
                return -EBADMSG;
        }
        message.type = (enum message_type)packet.type;
        message.status = packet.number;
        *ret = message;
        return 1;
}
