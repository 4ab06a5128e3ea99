/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/compression.h"

#include <string.h>

enum compression compression_detect(const uint8_t *data, size_t length)
{
        static const uint8_t zstd[] = { 0x28, 0xb5, 0x2f, 0xfd };

        if (length >= 2 && data[0] == 0x1f && data[1] == 0x8b) {
                return COMPRESSION_GZIP;
        }
        if (length >= 4 && memcmp(data, zstd, sizeof zstd) == 0) {
                return COMPRESSION_ZSTD;
        }
        /* A skippable frame of zstd, 0x184D2A5? in little endian. */
        if (length >= 4 && (data[0] & 0xf0) == 0x50 && data[1] == 0x2a && data[2] == 0x4d &&
            data[3] == 0x18) {
                return COMPRESSION_ZSTD;
        }
        return COMPRESSION_NONE;
}
