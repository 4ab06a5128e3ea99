/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/archive/compress.h"

#include <errno.h>

#include <zlib.h>

#include "base/file.h"

#define OUTPUT_SIZE (128U << 10)

struct compressor {
        int fd;
        bool plain;
        bool begun;
        z_stream state;
        struct hash inner;
        struct hash outer;
        uint64_t size;
        uint8_t output[OUTPUT_SIZE];
};

int compressor_open(int fd, bool plain, struct compressor **ret)
{
        _cleanup_compressor_ struct compressor *compressor = calloc(1, sizeof *compressor);
        int r;

        if (!compressor) {
                return -ENOMEM;
        }
        compressor->fd = fd;
        compressor->plain = plain;
        r = hash_start(&compressor->inner, DIGEST_SHA256);
        if (r == 0) {
                r = hash_start(&compressor->outer, DIGEST_SHA256);
        }
        /* 16: with gzip's header. Its time is zero, so that equal layers give equal blobs. */
        if (r == 0 && !plain) {
                if (deflateInit2(&compressor->state, 6, Z_DEFLATED, 15 + 16, 8,
                                 Z_DEFAULT_STRATEGY) != Z_OK) {
                        return -ENOMEM;
                }
                compressor->begun = true;
        }
        if (r == 0) {
                *ret = TAKE_PTR(compressor);
        }
        return r;
}

static int put(struct compressor *compressor, const void *data, size_t length)
{
        int r = hash_add(&compressor->outer, data, length);

        compressor->size += length;
        return r < 0 ? r : file_write_all(compressor->fd, data, length);
}

static int deflate_all(struct compressor *compressor, int flush)
{
        z_stream *state = &compressor->state;

        do {
                int r;

                state->next_out = compressor->output;
                state->avail_out = OUTPUT_SIZE;
                if (deflate(state, flush) == Z_STREAM_ERROR) {
                        return -EIO;
                }
                r = put(compressor, compressor->output, OUTPUT_SIZE - state->avail_out);
                if (r < 0) {
                        return r;
                }
        } while (state->avail_out == 0);
        return 0;
}

int compressor_write(struct compressor *compressor, const void *data, size_t length)
{
        int r = hash_add(&compressor->inner, data, length);

        if (r < 0 || length == 0) {
                return r;
        }
        if (compressor->plain) {
                return put(compressor, data, length);
        }
        compressor->state.next_in = (uint8_t *)data;
        compressor->state.avail_in = (unsigned int)length;
        return deflate_all(compressor, Z_NO_FLUSH);
}

int compressor_end(struct compressor *compressor, digest_text ret_plain, digest_text ret_packed,
                   uint64_t *ret_size)
{
        int r = compressor->plain ? 0 : deflate_all(compressor, Z_FINISH);

        if (r == 0) {
                r = hash_end(&compressor->inner, ret_plain);
        }
        if (r == 0) {
                r = hash_end(&compressor->outer, ret_packed);
        }
        if (r == 0) {
                *ret_size = compressor->size;
        }
        return r;
}

void compressor_free(struct compressor *compressor)
{
        if (compressor->begun) {
                (void)deflateEnd(&compressor->state);
        }
        hash_clear(&compressor->inner);
        hash_clear(&compressor->outer);
        free(compressor);
}
