/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_UNPACK_DECOMPRESS_INTERNAL_H
#define IMAGE_UNPACK_DECOMPRESS_INTERNAL_H

#include "image/unpack/decompress.h"

/* Shared by the decompressors: refilled input, and output in blocks. */

#define INPUT_SIZE (128U << 10)

struct decompressor {
        struct decompress_source *source;
        struct stream *stream;
        struct machine_error *error;
        uint8_t *input;
        size_t input_length; /* bytes in it */
        size_t input_at;     /* bytes of it that are used */
        uint8_t *output;     /* the current block, or NULL */
        size_t output_length;
        uint64_t total;
        bool begun; /* some input was read */
};

/** Refills the input if all of it is used. Returns 1, 0 at the end, or -errno with the error set.
 */
int decompressor_fill(struct decompressor *self);
/** The same, and makes sure that the block has room. Also returns -ECANCELED. */
int decompressor_prepare(struct decompressor *self);
/** Adds bytes to the block, and publishes it when full. Returns 0, or -EFBIG with the error set if
 * there is too much output. */
int decompressor_wrote(struct decompressor *self, size_t length);

int decompress_gzip(struct decompressor *self);
int decompress_zstd(struct decompressor *self);
int decompress_xz(struct decompressor *self);
int decompress_bzip2(struct decompressor *self);

/** Load the libraries that few layers need. Return 0, or -ELIBACC with the error set. */
int decompress_load_xz(struct machine_error *error);
int decompress_load_bzip2(struct machine_error *error);

#endif
