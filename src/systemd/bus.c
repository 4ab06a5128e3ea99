/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/bus.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/rights/caller.h"

/* The socket that systemctl uses, for root alone: it needs no bus daemon. */
#define MANAGER_SOCKET "/run/systemd/private"
/* Below the runtime directory of a user. */
#define USER_MANAGER_SOCKET "/systemd/private"

#define FIXED_HEADER 16

/* Codes of header fields. */
enum {
        FIELD_PATH = 1,
        FIELD_INTERFACE = 2,
        FIELD_MEMBER = 3,
        FIELD_ERROR = 4,
        FIELD_SIGNATURE = 8
};

/* ---- writing ---- */

static void put(struct bus_message *message, const void *data, size_t length)
{
        if (length > sizeof message->data - message->length) {
                message->broken = true;
                return;
        }
        memcpy(message->data + message->length, data, length);
        message->length += length;
}

void bus_align(struct bus_message *message, size_t boundary)
{
        static const char zeros[8];

        put(message, zeros, (boundary - message->length % boundary) % boundary);
}

void bus_put_u32(struct bus_message *message, uint32_t value)
{
        bus_align(message, 4);
        put(message, &value, sizeof value);
}

void bus_put_u64(struct bus_message *message, uint64_t value)
{
        bus_align(message, 8);
        put(message, &value, sizeof value);
}

void bus_put_string(struct bus_message *message, const char *text)
{
        bus_put_u32(message, (uint32_t)strlen(text));
        put(message, text, strlen(text) + 1);
}

void bus_put_signature(struct bus_message *message, const char *text)
{
        unsigned char length = (unsigned char)strlen(text);

        put(message, &length, 1);
        put(message, text, (size_t)length + 1);
}

size_t bus_begin_array(struct bus_message *message, size_t boundary)
{
        size_t start;

        bus_put_u32(message, 0);
        start = message->length;
        bus_align(message, boundary);
        return start;
}

void bus_end_array(struct bus_message *message, size_t start, size_t boundary)
{
        size_t first = start + (boundary - start % boundary) % boundary;
        uint32_t length = (uint32_t)(message->length - first);

        if (!message->broken) {
                memcpy(message->data + start - sizeof length, &length, sizeof length);
        }
}

/* ---- reading ---- */

static const void *get(struct bus_message *message, size_t boundary, size_t length)
{
        size_t at = message->at + (boundary - message->at % boundary) % boundary;

        if (message->broken || at > message->length || length > message->length - at) {
                message->broken = true;
                return NULL;
        }
        message->at = at + length;
        return message->data + at;
}

uint32_t bus_get_u32(struct bus_message *message)
{
        const void *bytes = get(message, 4, 4);
        uint32_t value = 0;

        if (bytes) {
                memcpy(&value, bytes, sizeof value);
        }
        return value;
}

const char *bus_get_string(struct bus_message *message)
{
        uint32_t length = bus_get_u32(message);
        const char *text =
                length < BUS_MESSAGE_MAXIMUM ? get(message, 1, (size_t)length + 1) : NULL;

        return text && text[length] == '\0' ? text : "";
}

/* ---- the connection ---- */

static int read_all(int fd, int timeout, void *data, size_t length)
{
        for (size_t done = 0; done < length;) {
                struct pollfd said = { .fd = fd, .events = POLLIN };
                ssize_t n;

                if (poll(&said, 1, timeout) <= 0) {
                        return -ETIMEDOUT;
                }
                n = read(fd, (char *)data + done, length - done);
                if (n == 0) {
                        return -ECONNRESET;
                }
                if (n < 0 && errno != EINTR) {
                        return -errno;
                }
                done += n > 0 ? (size_t)n : 0;
        }
        return 0;
}

static int send_all(int fd, const void *data, size_t length)
{
        for (size_t done = 0; done < length;) {
                ssize_t n = send(fd, (const char *)data + done, length - done, MSG_NOSIGNAL);

                if (n < 0 && errno != EINTR) {
                        return -errno;
                }
                done += n > 0 ? (size_t)n : 0;
        }
        return 0;
}

/* The uid as the server knows it from the socket: for uid 0 of a user namespace, that of the user.
 */
static int own_uid(unsigned int *ret)
{
        _cleanup_free_ char *map = NULL;
        unsigned int inner;
        int r;

        *ret = geteuid();
        if (!caller_is_inside()) {
                return 0;
        }
        r = file_read(AT_FDCWD, "/proc/self/uid_map", 4096, &map, NULL);
        return r < 0 ? r : sscanf(map, "%u %u", &inner, ret) == 2 ? 0 : -EBADMSG;
}

/* Says who this is: the digits of the uid, each in hexadecimal. */
static int say_hello(int fd)
{
        char hello[64] = "\0AUTH EXTERNAL ", digits[16];
        size_t length = 1 + strlen(hello + 1);
        unsigned int uid;
        int r = own_uid(&uid);

        if (r < 0) {
                return r;
        }
        (void)snprintf(digits, sizeof digits, "%u", uid);
        for (const char *digit = digits; *digit; digit++) {
                length += (size_t)snprintf(hello + length, sizeof hello - length, "%02x",
                                           (unsigned char)*digit);
        }
        length += (size_t)snprintf(hello + length, sizeof hello - length, "\r\n");
        return send_all(fd, hello, length);
}

static int authenticate(int fd)
{
        static const char begin[] = "BEGIN\r\n";
        char answer[256];
        size_t length = 0;
        int r = say_hello(fd);

        while (r == 0 && (length == 0 || answer[length - 1] != '\n')) {
                if (length == sizeof answer) {
                        return -EBADMSG;
                }
                r = read_all(fd, 5000, answer + length, 1);
                length += r == 0;
        }
        if (r == 0 && (length < 3 || strncmp(answer, "OK ", 3) != 0)) {
                return -EACCES;
        }
        return r < 0 ? r : send_all(fd, begin, sizeof begin - 1);
}

int bus_connect(void)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = MANAGER_SOCKET };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        int r;

        if (!caller_is_root() && (!runtime || snprintf(address.sun_path, sizeof address.sun_path,
                                                       "%s" USER_MANAGER_SOCKET,
                                                       runtime) >= (int)sizeof address.sun_path)) {
                return -ENOENT;
        }

        if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
                return -errno;
        }
        r = authenticate(fd);
        return r < 0 ? r : TAKE_FD(fd);
}

static void put_field(struct bus_message *message, unsigned char code, const char *type,
                      const char *value)
{
        bus_align(message, 8);
        put(message, &code, 1);
        bus_put_signature(message, type);
        if (code == FIELD_SIGNATURE) {
                bus_put_signature(message, value);
        } else {
                bus_put_string(message, value);
        }
}

int bus_call(int fd, const char *member, const char *signature, const struct bus_message *body)
{
        struct bus_message message = { .length = 0 };
        const unsigned char start[] = { __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 'l' : 'B',
                                        BUS_CALL, 0, 1 };
        size_t fields;

        put(&message, start, sizeof start);
        bus_put_u32(&message, (uint32_t)body->length);
        bus_put_u32(&message, 1); /* serial */
        fields = bus_begin_array(&message, 8);
        put_field(&message, FIELD_PATH, "o", "/org/freedesktop/systemd1");
        put_field(&message, FIELD_INTERFACE, "s", "org.freedesktop.systemd1.Manager");
        put_field(&message, FIELD_MEMBER, "s", member);
        put_field(&message, FIELD_SIGNATURE, "g", signature);
        bus_end_array(&message, fields, 8);
        bus_align(&message, 8);
        put(&message, body->data, body->length);
        return message.broken || body->broken ? -EMSGSIZE
                                              : send_all(fd, message.data, message.length);
}

/* Fields that are of no interest have strings, signatures or numbers. */
static void take_fields(struct bus_message *message, size_t end, struct bus_header *header)
{
        while (!message->broken && message->at < end) {
                const unsigned char *code = get(message, 8, 1);
                const unsigned char *type = get(message, 1, 3);

                if (!code || !type || type[0] != 1) {
                        message->broken = true;
                } else if (type[1] == 'g') {
                        const unsigned char *length = get(message, 1, 1);

                        (void)get(message, 1, length ? (size_t)*length + 1 : 0);
                } else if (type[1] == 'u') {
                        (void)bus_get_u32(message);
                } else {
                        const char *text = bus_get_string(message);

                        header->member = *code == FIELD_MEMBER ? text : header->member;
                        header->error_name = *code == FIELD_ERROR ? text : header->error_name;
                }
        }
}

int bus_receive(int fd, int timeout, struct bus_header *ret, struct bus_message *ret_body)
{
        struct bus_header header = { .member = "", .error_name = "" };
        size_t fields, body;
        uint32_t numbers[3];
        int r = read_all(fd, timeout, ret_body->data, FIXED_HEADER);

        if (r < 0) {
                return r;
        }
        memcpy(numbers, ret_body->data + 4, sizeof numbers);
        fields = ((size_t)numbers[2] + 7) & ~(size_t)7;
        body = numbers[0];
        if (fields > BUS_MESSAGE_MAXIMUM / 2 || body > BUS_MESSAGE_MAXIMUM / 2 - FIXED_HEADER) {
                return -EMSGSIZE;
        }
        r = read_all(fd, timeout, ret_body->data + FIXED_HEADER, fields + body);
        if (r < 0) {
                return r;
        }
        ret_body->broken = false;
        ret_body->length = FIXED_HEADER + fields + body;
        ret_body->at = FIXED_HEADER;
        header.type = (enum bus_type)ret_body->data[1];
        take_fields(ret_body, FIXED_HEADER + numbers[2], &header);
        ret_body->at = FIXED_HEADER + fields;
        *ret = header;
        return ret_body->broken ? -EBADMSG : 0;
}
