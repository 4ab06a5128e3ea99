/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/common/compression.h"

#include <stdbool.h>

struct magic {
        enum compression compression;
        unsigned int length;
        uint8_t bytes[COMPRESSION_MAGIC_SIZE];
        uint8_t masks[COMPRESSION_MAGIC_SIZE]; /* bits that are ignored */
};

static const struct magic magics[] = {
        { COMPRESSION_GZIP, 2, { 0x1f, 0x8b }, { 0 } },
        { COMPRESSION_ZSTD, 4, { 0x28, 0xb5, 0x2f, 0xfd }, { 0 } },
        /* A skippable frame of zstd: 0x184D2A5? in little endian. */
        { COMPRESSION_ZSTD, 4, { 0x50, 0x2a, 0x4d, 0x18 }, { 0x0f } },
        { COMPRESSION_XZ, 6, { 0xfd, '7', 'z', 'X', 'Z', 0 }, { 0 } },
        /* "BZh", the level, and the magic of a block, or of the end if there is no block. */
        { COMPRESSION_BZIP2,
          10,
          { 'B', 'Z', 'h', '0', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59 },
          { 0, 0, 0, 0x0f } },
        { COMPRESSION_BZIP2,
          10,
          { 'B', 'Z', 'h', '0', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90 },
          { 0, 0, 0, 0x0f } },
};

static bool matches(const struct magic *magic, const uint8_t *data)
{
        for (size_t i = 0; i < magic->length; i++) {
                if ((data[i] | magic->masks[i]) != (magic->bytes[i] | magic->masks[i])) {
                        return false;
                }
        }
        return true;
}

enum compression compression_detect(const uint8_t *data, size_t length)
{
        for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
                if (length >= magics[i].length && matches(&magics[i], data)) {
                        return magics[i].compression;
                }
        }
        return COMPRESSION_NONE;
}
