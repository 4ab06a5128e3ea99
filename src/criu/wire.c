/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "criu/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The kinds of fields: the lower three bits of the key in front of each. */
enum wire_kind {
        WIRE_NUMBER = 0,
        WIRE_64_BITS = 1,
        WIRE_BYTES = 2,
        WIRE_32_BITS = 5,
};

/* Seven bits in each byte. */
#define NUMBER_MAXIMUM 10

void wire_clear(struct wire *wire)
{
        free(wire->data);
        *wire = (struct wire){ 0 };
}

/* ---- writing ---- */

static void add(struct wire *wire, const void *data, size_t size)
{
        if (wire->failed || size == 0) {
                return;
        }
        if (wire->capacity - wire->size < size) {
                size_t capacity = (wire->size + size) * 2;
                uint8_t *grown = realloc(wire->data, capacity);

                if (!grown) {
                        wire->failed = true;
                        return;
                }
                wire->data = grown;
                wire->capacity = capacity;
        }
        memcpy(wire->data + wire->size, data, size);
        wire->size += size;
}

static void add_varint(struct wire *wire, uint64_t number)
{
        uint8_t bytes[NUMBER_MAXIMUM];
        size_t size = 0;

        do {
                bytes[size++] = (uint8_t)((number & 0x7f) | (number > 0x7f ? 0x80 : 0));
                number >>= 7;
        } while (number > 0);
        add(wire, bytes, size);
}

static void add_key(struct wire *wire, uint32_t field, enum wire_kind kind)
{
        add_varint(wire, (uint64_t)field << 3 | kind);
}

static void add_bytes(struct wire *wire, uint32_t field, const void *data, size_t size)
{
        add_key(wire, field, WIRE_BYTES);
        add_varint(wire, size);
        add(wire, data, size);
}

void wire_add_number(struct wire *wire, uint32_t field, int64_t number)
{
        add_key(wire, field, WIRE_NUMBER);
        add_varint(wire, (uint64_t)number);
}

void wire_add_string(struct wire *wire, uint32_t field, const char *text)
{
        add_bytes(wire, field, text, strlen(text));
}

void wire_add_message(struct wire *wire, uint32_t field, const struct wire *message)
{
        wire->failed = wire->failed || message->failed;
        add_bytes(wire, field, message->data, message->size);
}

/* ---- reading ---- */

static int read_varint(struct wire_reader *reader, uint64_t *ret)
{
        uint64_t number = 0;

        for (unsigned int i = 0; i < NUMBER_MAXIMUM && reader->at < reader->end; i++) {
                uint8_t byte = *reader->at++;

                number |= (uint64_t)(byte & 0x7f) << (7 * i);
                if (!(byte & 0x80)) {
                        *ret = number;
                        return 0;
                }
        }
        return -EBADMSG;
}

static int take(struct wire_reader *reader, uint64_t size, struct wire_reader *ret)
{
        if (size > (uint64_t)(reader->end - reader->at)) {
                return -EBADMSG;
        }
        *ret = (struct wire_reader){ reader->at, reader->at + size };
        reader->at += size;
        return 0;
}

int wire_next(struct wire_reader *reader, struct wire_field *ret)
{
        struct wire_reader skipped;
        uint64_t key, size;
        int r;

        *ret = (struct wire_field){ 0 };
        if (reader->at >= reader->end) {
                return 0;
        }
        r = read_varint(reader, &key);
        if (r < 0 || key >> 3 == 0 || key >> 3 > UINT32_MAX) {
                return -EBADMSG;
        }
        ret->number = (uint32_t)(key >> 3);
        switch (key & 7) {
        case WIRE_NUMBER:
                r = read_varint(reader, &ret->value);
                break;
        case WIRE_BYTES:
                r = read_varint(reader, &size);
                r = r < 0 ? r : take(reader, size, &ret->nested);
                break;
        case WIRE_64_BITS:
                r = take(reader, 8, &skipped);
                break;
        case WIRE_32_BITS:
                r = take(reader, 4, &skipped);
                break;
        default:
                r = -EBADMSG;
        }
        return r < 0 ? r : 1;
}

int wire_find(struct wire_reader reader, uint32_t field, struct wire_field *ret)
{
        int r;

        do {
                r = wire_next(&reader, ret);
        } while (r > 0 && ret->number != field);
        return r;
}
