/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/unpack/decompress.h"

#include <string.h>

#include "base/error.h"
#include "base/quantity.h"
#include "image/unpack/decompress_internal.h"

/* The header of a gzip file is shorter, unless it holds a long name or comment. */
#define FIRST_INPUT (16U << 10)

/* Waits until the writer of a growing file announces more bytes. */
static int wait_for_more(struct decompress_source *source)
{
        while (source->available <= source->consumed) {
                uint64_t available;
                ssize_t n = read(source->control, &available, sizeof available);

                if (n < 0 && errno == EINTR) {
                        continue;
                }
                if (n != (ssize_t)sizeof available) {
                        return n < 0 ? -errno : -ECANCELED;
                }
                source->available = available;
        }
        return 0;
}

/* The bytes that were read in advance. */
static size_t take_head(struct decompress_source *source, void *data, size_t length)
{
        size_t left = source->head_length - source->head_at;

        length = length < left ? length : left;
        memcpy(data, source->head + source->head_at, length);
        source->head_at += length;
        return length;
}

/* Reads at least one byte. Returns the number of bytes, 0 at the end, or -errno. */
static ssize_t read_source(struct decompress_source *source, void *data, size_t length)
{
        ssize_t n = (ssize_t)take_head(source, data, length);

        if (n > 0) {
                return n;
        }
        if (!source->sequential) {
                if (source->remaining == 0) {
                        return 0;
                }
                if (source->control >= 0) {
                        int r = wait_for_more(source);

                        if (r < 0) {
                                return r;
                        }
                        if (length > source->available - source->consumed) {
                                length = (size_t)(source->available - source->consumed);
                        }
                }
                if (length > source->remaining) {
                        length = (size_t)source->remaining;
                }
        }
        do {
                n = source->sequential ? read(source->fd, data, length)
                                       : pread(source->fd, data, length, source->offset);
        } while (n < 0 && errno == EINTR);
        if (n < 0) {
                return -errno;
        }
        if (!source->sequential) {
                if (n == 0) {
                        return -ENODATA;
                }
                source->remaining -= (uint64_t)n;
                source->offset += n;
        }
        source->consumed += (uint64_t)n;
        return n;
}

int decompress_prepare(struct decompress_source *source, struct machine_error *error)
{
        uint8_t head[COMPRESSION_MAGIC_SIZE];
        size_t length = 0;
        ssize_t n;

        do {
                n = read_source(source, head + length, sizeof head - length);
                length += n > 0 ? (size_t)n : 0;
        } while (n > 0 && length < sizeof head);
        if (n < 0 && n != -ENODATA) {
                return n == -ECANCELED ? -ECANCELED
                                       : error_set(error, (int)n, "cannot read the layer");
        }
        memcpy(source->head, head, length);
        source->head_length = length;
        switch (compression_detect(head, length)) {
        case COMPRESSION_XZ:
                return decompress_load_xz(error);
        case COMPRESSION_BZIP2:
                return decompress_load_bzip2(error);
        case COMPRESSION_NONE:
        case COMPRESSION_GZIP:
        case COMPRESSION_ZSTD:
                break;
        }
        return 0;
}

/* ISA-L 2.30 loses its place if the header of a gzip file that contains a name, as gzip(1) writes
 * it, does not arrive in one piece. */
static ssize_t read_first(struct decompressor *self)
{
        size_t length = 0;
        ssize_t n;

        self->begun = true;
        do {
                n = read_source(self->source, self->input + length, FIRST_INPUT - length);
                length += n > 0 ? (size_t)n : 0;
        } while (n > 0 && length < FIRST_INPUT);
        return n < 0 ? n : (ssize_t)length;
}

int decompressor_fill(struct decompressor *self)
{
        ssize_t n;

        if (self->input_at < self->input_length) {
                return 1;
        }
        n = self->begun ? read_source(self->source, self->input, INPUT_SIZE) : read_first(self);
        if (n == -ENODATA) {
                return error_say(self->error, EBADMSG, "the file is truncated");
        }
        if (n == -ECANCELED) {
                return -ECANCELED;
        }
        if (n < 0) {
                return error_set(self->error, (int)n, "cannot read compressed data");
        }
        self->input_at = 0;
        self->input_length = (size_t)n;
        return n > 0;
}

int decompressor_prepare(struct decompressor *self)
{
        int more = decompressor_fill(self), r = 0;

        if (more >= 0 && !self->output) {
                r = stream_free_block(self->stream, &self->output);
                self->output_length = 0;
        }
        return r < 0 ? r : more;
}

static int too_much(struct decompressor *self)
{
        char size[16];

        quantity_format_size(self->total, size);
        return error_say(self->error, EFBIG,
                         "the layer's decompressed size is excessive: over %s from %llu bytes",
                         size, (unsigned long long)self->source->consumed);
}

int decompressor_wrote(struct decompressor *self, size_t length)
{
        self->output_length += length;
        self->total += length;
        if (self->total > DECOMPRESS_OUTPUT_MAX ||
            (self->total > DECOMPRESS_RATIO_FROM &&
             self->total / DECOMPRESS_RATIO_MAX > self->source->consumed)) {
                return too_much(self);
        }
        if (self->output_length == STREAM_BLOCK_SIZE) {
                stream_publish(self->stream, self->output_length);
                self->output = NULL;
        }
        return 0;
}

static int copy_plain(struct decompressor *self)
{
        for (;;) {
                size_t length, room;
                int r = decompressor_prepare(self);

                if (r <= 0) {
                        return r;
                }
                length = self->input_length - self->input_at;
                room = STREAM_BLOCK_SIZE - self->output_length;
                length = length < room ? length : room;
                memcpy(self->output + self->output_length, self->input + self->input_at, length);
                self->input_at += length;
                r = decompressor_wrote(self, length);
                if (r < 0) {
                        return r;
                }
        }
}

static int run(struct decompressor *self)
{
        int r = 0;

        switch (compression_detect(self->source->head, self->source->head_length)) {
        case COMPRESSION_GZIP:
                r = decompress_gzip(self);
                break;
        case COMPRESSION_ZSTD:
                r = decompress_zstd(self);
                break;
        case COMPRESSION_XZ:
                r = decompress_xz(self);
                break;
        case COMPRESSION_BZIP2:
                r = decompress_bzip2(self);
                break;
        case COMPRESSION_NONE:
                r = copy_plain(self);
                break;
        }
        if (r == 0 && self->output && self->output_length > 0) {
                stream_publish(self->stream, self->output_length);
        }
        return r;
}

int decompress(struct decompress_source *source, struct stream *stream, struct machine_error *error)
{
        _cleanup_free_ uint8_t *input = malloc(INPUT_SIZE);
        struct decompressor self = {
                .source = source, .stream = stream, .error = error, .input = input
        };
        int r = input ? run(&self) : error_oom(error);

        stream_end(stream, r);
        return r;
}
