/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/decompress.h"

#include <string.h>

#include "base/error.h"
#include "base/quantity.h"
#include "image/compression.h"
#include "image/decompress_internal.h"

/* Waits until the writer of a growing file tells of more. */
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

ssize_t decompress_source_read(struct decompress_source *source, void *data, size_t length)
{
        ssize_t n;

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

int decompressor_fill(struct decompressor *self)
{
        ssize_t n;

        if (self->input_at < self->input_length) {
                return 1;
        }
        n = decompress_source_read(self->source, self->input, INPUT_SIZE);
        if (n == -ENODATA) {
                return error_say(self->error, EBADMSG, "the file is shorter than it should be");
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

int decompressor_room(struct decompressor *self)
{
        int r = 0;

        if (!self->output) {
                r = stream_free_block(self->stream, &self->output);
                self->output_length = 0;
        }
        return r;
}

static int too_much(struct decompressor *self)
{
        char size[16];

        quantity_format_size(self->total, size);
        return error_say(self->error, EFBIG,
                         "the layer grows beyond all measure: %s from %llu bytes and no end", size,
                         (unsigned long long)self->source->consumed);
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
                int r = decompressor_fill(self);

                if (r <= 0) {
                        return r;
                }
                r = decompressor_room(self);
                if (r < 0) {
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

/* The magic needs four bytes, which a slow source may give one at a time. */
static int fill_magic(struct decompressor *self)
{
        while (self->input_length < 4) {
                ssize_t n = decompress_source_read(self->source, self->input + self->input_length,
                                                   INPUT_SIZE - self->input_length);

                if (n == 0) {
                        break;
                }
                if (n < 0) {
                        return n == -ECANCELED
                                       ? -ECANCELED
                                       : error_set(self->error, (int)n, "cannot read the layer");
                }
                self->input_length += (size_t)n;
        }
        return 0;
}

static int run(struct decompressor *self)
{
        int r = fill_magic(self);

        if (r < 0) {
                return r;
        }
        switch (compression_detect(self->input, self->input_length)) {
        case COMPRESSION_GZIP:
                r = decompress_gzip(self);
                break;
        case COMPRESSION_ZSTD:
                r = decompress_zstd(self);
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
