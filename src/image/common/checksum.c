/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/common/checksum.h"

#include <zlib.h>

#include "image/image_features.h"

#if HAVE_ISAL
#        include <isa-l/crc.h>
#endif

uint32_t checksum_add(uint32_t checksum, const void *data, size_t length)
{
#if HAVE_ISAL
        return crc32_gzip_refl(checksum, data, length);
#else
        return (uint32_t)crc32_z(checksum, data, length);
#endif
}

uint32_t checksum_add_zeros(uint32_t checksum, uint64_t length)
{
        static const uint8_t zero = 0;
        /* The checksum of 2^n zeros, doubled at each step. */
        uint32_t power = checksum_add(0, &zero, 1);

        for (uint64_t count = 1; length; count *= 2, length >>= 1) {
                if (length & 1) {
                        checksum = (uint32_t)crc32_combine64(checksum, power, (off_t)count);
                }
                power = (uint32_t)crc32_combine64(power, power, (off_t)count);
        }
        return checksum;
}
