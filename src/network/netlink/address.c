/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/netlink/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/quantity.h"

#define OFFSET_BITS 32

size_t address_size(sa_family_t family)
{
        return family == AF_INET ? 4 : 16;
}

int address_parse(const char *text, struct network_address *ret)
{
        struct network_address address = { 0 };

        if (inet_pton(AF_INET, text, address.bytes) == 1) {
                address.family = AF_INET;
        } else if (inet_pton(AF_INET6, text, address.bytes) == 1) {
                address.family = AF_INET6;
        } else {
                return -EINVAL;
        }
        *ret = address;
        return 0;
}

const char *address_format(const struct network_address *address, char text[ADDRESS_TEXT_SIZE])
{
        text[0] = '\0';
        if (address_is_set(address)) {
                (void)inet_ntop(address->family, address->bytes, text, ADDRESS_TEXT_SIZE);
        }
        return text;
}

bool address_is_set(const struct network_address *address)
{
        return address->family != 0;
}

bool address_equal(const struct network_address *a, const struct network_address *b)
{
        return a->family == b->family &&
               (a->family == 0 || memcmp(a->bytes, b->bytes, address_size(a->family)) == 0);
}

bool address_is_loopback(const struct network_address *address)
{
        struct in6_addr six;

        if (address->family == AF_INET) {
                return address->bytes[0] == 127;
        }
        memcpy(&six, address->bytes, sizeof(six));
        return address->family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six);
}

bool address_is_wildcard(const struct network_address *address)
{
        static const uint8_t zero[16];

        return address_is_set(address) &&
               memcmp(address->bytes, zero, address_size(address->family)) == 0;
}

/* The mask of the byte at an index for a prefix of a length. */
static uint8_t mask_byte(unsigned int length, size_t index)
{
        if (length >= (index + 1) * 8) {
                return 0xff;
        }
        if (length <= index * 8) {
                return 0;
        }
        return (uint8_t)(0xff << (8 - (length - index * 8)));
}

void prefix_of(const struct network_address *address, unsigned int length,
               struct network_prefix *ret)
{
        struct network_prefix prefix = { .address = *address, .length = length };

        for (size_t i = 0; i < address_size(address->family); i++) {
                prefix.address.bytes[i] &= mask_byte(length, i);
        }
        *ret = prefix;
}

int prefix_parse(const char *text, struct network_prefix *ret)
{
        char copy[ADDRESS_TEXT_SIZE];
        const char *slash = strchr(text, '/');
        struct network_address address;
        uint64_t length;
        int r;

        if (!slash || (size_t)(slash - text) >= sizeof(copy)) {
                return -EINVAL;
        }
        memcpy(copy, text, (size_t)(slash - text));
        copy[slash - text] = '\0';
        r = address_parse(copy, &address);
        if (r < 0) {
                return r;
        }
        r = quantity_parse_number(slash + 1, &length);
        if (r < 0 || length > address_size(address.family) * 8) {
                return -EINVAL;
        }
        prefix_of(&address, (unsigned int)length, ret);
        return 0;
}

const char *prefix_format(const struct network_prefix *prefix, char text[ADDRESS_TEXT_SIZE])
{
        char address[ADDRESS_TEXT_SIZE];

        text[0] = '\0';
        if (prefix_is_set(prefix)) {
                (void)snprintf(text, ADDRESS_TEXT_SIZE, "%.*s/%u", INET6_ADDRSTRLEN - 1,
                               address_format(&prefix->address, address), prefix->length);
        }
        return text;
}

bool prefix_is_set(const struct network_prefix *prefix)
{
        return address_is_set(&prefix->address);
}

bool prefix_equal(const struct network_prefix *a, const struct network_prefix *b)
{
        return address_equal(&a->address, &b->address) &&
               (!prefix_is_set(a) || a->length == b->length);
}

bool prefix_contains(const struct network_prefix *prefix, const struct network_address *address)
{
        if (!prefix_is_set(prefix) || prefix->address.family != address->family) {
                return false;
        }
        for (size_t i = 0; i < address_size(address->family); i++) {
                if ((address->bytes[i] & mask_byte(prefix->length, i)) !=
                    prefix->address.bytes[i]) {
                        return false;
                }
        }
        return true;
}

bool prefix_overlaps(const struct network_prefix *a, const struct network_prefix *b)
{
        return a->length <= b->length ? prefix_contains(a, &b->address)
                                      : prefix_contains(b, &a->address);
}

uint64_t prefix_size(const struct network_prefix *prefix)
{
        size_t bits = address_size(prefix->address.family) * 8 - prefix->length;

        return UINT64_C(1) << (bits > OFFSET_BITS ? OFFSET_BITS : bits);
}

void prefix_at(const struct network_prefix *prefix, uint64_t offset, struct network_address *ret)
{
        struct network_address address = prefix->address;

        for (size_t i = address_size(address.family); i-- > 0 && offset > 0; offset >>= 8) {
                address.bytes[i] |= (uint8_t)(offset & 0xff);
        }
        *ret = address;
}

bool prefix_is_usable(const struct network_prefix *prefix, const struct network_address *address)
{
        struct network_address last;

        if (!prefix_contains(prefix, address) || address_equal(&prefix->address, address)) {
                return false;
        }
        prefix_at(prefix, prefix_size(prefix) - 1, &last);
        return address->family != AF_INET || !address_equal(&last, address);
}
