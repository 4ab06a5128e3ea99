/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CRIU_WIRE_H
#define CRIU_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The encoding of protocol buffers (protobuf.dev, "Encoding"), as far as CRIU's messages need it:
 * fields that are numbers, strings, or messages.
 */

/** A message that is written. What fails once fails as a whole. */
struct wire {
        uint8_t *data; /* freed by wire_clear() */
        size_t size, capacity;
        bool failed; /* out of memory */
};

void wire_clear(struct wire *wire);

/** Negative numbers have the form that int32 fields have. */
void wire_add_number(struct wire *wire, uint32_t field, int64_t number);
void wire_add_string(struct wire *wire, uint32_t field, const char *text);
void wire_add_message(struct wire *wire, uint32_t field, const struct wire *message);

/** Bytes that are read: nobody vouches for them. */
struct wire_reader {
        const uint8_t *at, *end;
};

struct wire_field {
        uint32_t number;
        uint64_t value;            /* of a number */
        struct wire_reader nested; /* of a string or message; otherwise empty */
};

/** Reads the next field. 1, 0 at the end, or -EBADMSG. */
int wire_next(struct wire_reader *reader, struct wire_field *ret);

/** The first field of this number. 1, 0 if there is none, or -EBADMSG. */
int wire_find(struct wire_reader reader, uint32_t field, struct wire_field *ret);

#endif
