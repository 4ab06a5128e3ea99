/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_COMMON_CHECKSUM_H
#define IMAGE_COMMON_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 as in gzip, to detect decay of stored files. It is no defence against attackers: only root
 * can write to the store. */

/** Continues a checksum (0 at the start) with more data. */
uint32_t checksum_add(uint32_t checksum, const void *data, size_t length);

/** Continues a checksum with zero bytes, in time logarithmic in their number. */
uint32_t checksum_add_zeros(uint32_t checksum, uint64_t length);

#endif
