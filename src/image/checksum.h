/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_CHECKSUM_H
#define IMAGE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 as gzip has it, to find decay of what is stored. It is no defence against anyone: who can
 * write to the store is root. */

/** Goes on from a checksum (0 at the start) over more data. */
uint32_t checksum_add(uint32_t checksum, const void *data, size_t length);

/** The same over so many zero bytes, in the time of their number's logarithm. */
uint32_t checksum_add_zeros(uint32_t checksum, uint64_t length);

#endif
