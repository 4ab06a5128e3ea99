/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_QUANTITY_H
#define BASE_QUANTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sizes and times as people write them. A quantity that cannot be read gives -EINVAL, one that
 * does not fit 63 bits -ERANGE. */

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_INFINITY UINT64_MAX

/** An unsigned decimal number without sign, blanks or leading zeros. 0, -EINVAL or -ERANGE. */
int quantity_parse_number(const char *text, uint64_t *ret);

/** "512", "256M", "1.5G", "4KiB": bytes; K M G T P E are powers of 1024 with or without "B"/"iB".
 */
int quantity_parse_size(const char *text, uint64_t *ret);

/** "10s", "1min 30s", "500ms", "2h", "1d": microseconds. A bare number is seconds
 * and comes last. */
int quantity_parse_time(const char *text, uint64_t *ret_usec);

/** A size for a person, "1.5G", at most 8 characters and the NUL. */
void quantity_format_size(uint64_t bytes, char text[static 16]);

/** A size that quantity_parse_size() reads back to the same number, in the largest unit that
 * divides it. */
void quantity_format_size_exact(uint64_t bytes, char text[static 32]);

/** A time for a person, its two largest units: "3d 4h", "12.3ms". */
void quantity_format_time(uint64_t usec, char text[static 32]);

/** A time that quantity_parse_time() reads back to the same number. */
void quantity_format_time_exact(uint64_t usec, char text[static 32]);

#endif
