/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_NETLINK_ADDRESS_H
#define NETWORK_NETLINK_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/** An IPv4 or IPv6 address in network byte order; family 0: none. */
struct network_address {
        sa_family_t family; /* AF_INET, AF_INET6 or 0 */
        uint8_t bytes[16];
};

/** A subnet: an address whose bits after the prefix length are zero; family 0: none. */
struct network_prefix {
        struct network_address address;
        unsigned int length; /* bits */
};

#define ADDRESS_TEXT_SIZE (INET6_ADDRSTRLEN + 4)

/** Size of an address of the family: 4 or 16. */
size_t address_size(sa_family_t family);

/** Parses an address of either family. Returns 0 or -EINVAL. */
int address_parse(const char *text, struct network_address *ret);

/** Formats an address as inet_ntop(3) does, "" for none. Returns text. */
const char *address_format(const struct network_address *address, char text[ADDRESS_TEXT_SIZE]);

bool address_is_set(const struct network_address *address);
bool address_equal(const struct network_address *a, const struct network_address *b);

/** Whether it is 127.0.0.0/8 or ::1. */
bool address_is_loopback(const struct network_address *address);

/** Whether it is 0.0.0.0 or ::. */
bool address_is_wildcard(const struct network_address *address);

/** Parses "ADDRESS/LENGTH" and clears the host bits. Returns 0 or -EINVAL. */
int prefix_parse(const char *text, struct network_prefix *ret);

/** The subnet of an address and a prefix length. */
void prefix_of(const struct network_address *address, unsigned int length,
               struct network_prefix *ret);

/** Formats "ADDRESS/LENGTH", "" for none. Returns text. */
const char *prefix_format(const struct network_prefix *prefix, char text[ADDRESS_TEXT_SIZE]);

bool prefix_is_set(const struct network_prefix *prefix);
bool prefix_equal(const struct network_prefix *a, const struct network_prefix *b);
bool prefix_contains(const struct network_prefix *prefix, const struct network_address *address);
bool prefix_overlaps(const struct network_prefix *a, const struct network_prefix *b);

/** The number of addresses in a subnet, at most 2^32: the rest of an IPv6 subnet is not used. */
uint64_t prefix_size(const struct network_prefix *prefix);

/** The address at an offset (less than prefix_size()) from the subnet's first. */
void prefix_at(const struct network_prefix *prefix, uint64_t offset, struct network_address *ret);

/** Whether a machine can have the address: it is neither the network nor the broadcast address. */
bool prefix_is_usable(const struct network_prefix *prefix, const struct network_address *address);

#endif
