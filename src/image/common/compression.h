/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_COMMON_COMPRESSION_H
#define IMAGE_COMMON_COMPRESSION_H

#include <stddef.h>
#include <stdint.h>

/* The compression of content, by its magic: media types and file names may be wrong. */

enum compression {
        COMPRESSION_NONE,
        COMPRESSION_GZIP,
        COMPRESSION_ZSTD,
        COMPRESSION_XZ,
        COMPRESSION_BZIP2,
};

/** The number of bytes that identify it. */
#define COMPRESSION_MAGIC_SIZE 10

/** Detects the compression from the first bytes. */
enum compression compression_detect(const uint8_t *data, size_t length);

#endif
