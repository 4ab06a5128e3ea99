/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_QUANTITY_H
#define BASE_QUANTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Human-readable sizes and times. Parsing returns -EINVAL for invalid text and -ERANGE if the value
 * exceeds 63 bits. */

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_INFINITY UINT64_MAX

/** Parses an unsigned decimal number without sign, blanks or leading zeros. Returns 0, -EINVAL or
 * -ERANGE. */
int quantity_parse_number(const char *text, uint64_t *ret);

/** Parses "512", "256M", "1.5G", "4KiB" to bytes; K M G T P E are powers of 1024 with or without
 * "B"/"iB". */
int quantity_parse_size(const char *text, uint64_t *ret);

/** Parses "10s", "1min 30s", "500ms", "2h", "1d" to microseconds. A bare number is seconds and must
 * be last. */
int quantity_parse_time(const char *text, uint64_t *ret_usec);

/** Formats a size for people, "1.5G", in at most 8 characters and the NUL. */
void quantity_format_size(uint64_t bytes, char text[static 16]);

/** Formats a size so that quantity_parse_size() returns the same number, in the largest unit that
 * divides it. */
void quantity_format_size_exact(uint64_t bytes, char text[static 32]);

/** Formats a time for people, with its two largest units: "3d 4h", "12.3ms". */
void quantity_format_time(uint64_t usec, char text[static 32]);

/** Formats a time so that quantity_parse_time() returns the same number. */
void quantity_format_time_exact(uint64_t usec, char text[static 32]);

#endif
