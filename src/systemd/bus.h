/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SYSTEMD_BUS_H
#define SYSTEMD_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As much of the D-Bus protocol as one call of the service manager takes, over its own socket: no
 * library, and no second process. See the D-Bus specification, "Message Protocol". */

#define BUS_MESSAGE_MAXIMUM 16384

/** A message that is being written or read, in the byte order of this host. */
struct bus_message {
        _Alignas(8) unsigned char data[BUS_MESSAGE_MAXIMUM];
        size_t length;
        size_t at;   /* reading: the next byte */
        bool broken; /* it did not fit, or its text is not as it should be */
};

/* ---- Writing: values in the order of the signature ---- */

void bus_put_u32(struct bus_message *message, uint32_t value);
void bus_put_u64(struct bus_message *message, uint64_t value);
void bus_put_string(struct bus_message *message, const char *text); /* also an object's path */
void bus_put_signature(struct bus_message *message, const char *text);
void bus_align(struct bus_message *message, size_t boundary);

/** Begins an array whose elements have that alignment. Returns what bus_end_array() needs. */
size_t bus_begin_array(struct bus_message *message, size_t boundary);
void bus_end_array(struct bus_message *message, size_t start, size_t boundary);

/* ---- Reading ---- */

uint32_t bus_get_u32(struct bus_message *message);

/** The text, in the message itself; "" if it is broken. */
const char *bus_get_string(struct bus_message *message);

/* ---- The connection ---- */

enum bus_type {
        BUS_CALL = 1,
        BUS_RETURN = 2,
        BUS_ERROR = 3,
        BUS_SIGNAL = 4,
};

/** What is known of a message that was received. The strings are in the message. */
struct bus_header {
        enum bus_type type;
        const char *member;     /* of a signal, or "" */
        const char *error_name; /* of an error, or "" */
};

/** Connects to the service manager, for a user to his own. A descriptor, or -errno. */
int bus_connect(void);

/** Sends a call of the manager's interface org.freedesktop.systemd1.Manager. 0 or -errno. */
int bus_call(int fd, const char *member, const char *signature, const struct bus_message *body);

/** Receives a message; *ret_body is at its first value. Waits for at most `timeout` milliseconds.
 * 0, -ETIMEDOUT, or another -errno. */
int bus_receive(int fd, int timeout, struct bus_header *ret, struct bus_message *ret_body);

#endif
