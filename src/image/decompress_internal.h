/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_DECOMPRESS_INTERNAL_H
#define IMAGE_DECOMPRESS_INTERNAL_H

#include "image/decompress.h"

/* What the decompressors share: input that is refilled, output that goes on in blocks. */

#define INPUT_SIZE (128U << 10)

struct decompressor {
        struct decompress_source *source;
        struct stream *stream;
        struct machine_error *error;
        uint8_t *input;
        size_t input_length; /* bytes in it .. */
        size_t input_at;     /* .. and how many of them are used */
        uint8_t *output;     /* the block that is being filled, or NULL */
        size_t output_length;
        uint64_t total;
};

/** More input where all is used: 1, or 0 at the end, or -errno with the error filled. */
int decompressor_fill(struct decompressor *self);
/** A block with room in it. 0 or -ECANCELED. */
int decompressor_room(struct decompressor *self);
/** So many bytes were added to the block; a full one is handed on. 0, or -EFBIG with the error
 * filled where there is too much output. */
int decompressor_wrote(struct decompressor *self, size_t length);

int decompress_gzip(struct decompressor *self);
int decompress_zstd(struct decompressor *self);

#endif
