/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_COMPRESSION_H
#define IMAGE_COMPRESSION_H

#include <stddef.h>
#include <stdint.h>

/* How something is compressed, by its own magic: labels lie. */

enum compression {
        COMPRESSION_NONE,
        COMPRESSION_GZIP,
        COMPRESSION_ZSTD,
};

/** What the first bytes say. */
enum compression compression_detect(const uint8_t *data, size_t length);

#endif
