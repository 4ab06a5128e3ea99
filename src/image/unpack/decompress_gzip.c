/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "base/error.h"
#include "image/image_features.h"
#include "image/unpack/decompress_internal.h"

/* A gzip file consists of one or more members (RFC 1952), optionally followed by zeros. Both
 * libraries check the CRC and length of each member. */

#if HAVE_ISAL
#        include <isa-l/igzip_lib.h>

struct inflater {
        struct inflate_state state;
};

static int inflater_start(struct inflater *inflater)
{
        isal_inflate_init(&inflater->state);
        inflater->state.crc_flag = ISAL_GZIP;
        return 0;
}

static void inflater_next_member(struct inflater *inflater)
{
        isal_inflate_reset(&inflater->state);
        inflater->state.crc_flag = ISAL_GZIP;
}

static void inflater_stop(struct inflater *inflater)
{
}

/* Returns 1 at the end of a member, 0 to continue, or -EBADMSG. */
static int inflater_step(struct inflater *inflater, const uint8_t *input, size_t *used,
                         size_t input_length, uint8_t *output, size_t room, size_t *written)
{
        struct inflate_state *state = &inflater->state;
        int r;

        state->next_in = (uint8_t *)input;
        state->avail_in = (uint32_t)input_length;
        state->next_out = output;
        state->avail_out = (uint32_t)room;
        r = isal_inflate(state);
        *used = input_length - state->avail_in;
        *written = room - state->avail_out;
        if (r != ISAL_DECOMP_OK && r != ISAL_END_INPUT && r != ISAL_OUT_OVERFLOW) {
                return -EBADMSG;
        }
        return state->block_state == ISAL_BLOCK_FINISH;
}
#else
#        include <zlib.h>

struct inflater {
        z_stream state;
};

static int inflater_start(struct inflater *inflater)
{
        memset(&inflater->state, 0, sizeof inflater->state);
        return inflateInit2(&inflater->state, 15 + 16) == Z_OK ? 0 : -ENOMEM;
}

static void inflater_next_member(struct inflater *inflater)
{
        (void)inflateReset(&inflater->state);
}

static void inflater_stop(struct inflater *inflater)
{
        (void)inflateEnd(&inflater->state);
}

static int inflater_step(struct inflater *inflater, const uint8_t *input, size_t *used,
                         size_t input_length, uint8_t *output, size_t room, size_t *written)
{
        z_stream *state = &inflater->state;
        int r;

        state->next_in = (uint8_t *)input;
        state->avail_in = (unsigned int)input_length;
        state->next_out = output;
        state->avail_out = (unsigned int)room;
        r = inflate(state, Z_NO_FLUSH);
        *used = input_length - state->avail_in;
        *written = room - state->avail_out;
        if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR) {
                return -EBADMSG;
        }
        return r == Z_STREAM_END;
}
#endif

/* After a member: returns 1 if another follows, 0 at the end of the input, or -errno. */
static int next_member(struct decompressor *self, struct inflater *inflater)
{
        for (;;) {
                int r = decompressor_fill(self);

                if (r <= 0) {
                        return r;
                }
                if (self->input[self->input_at] != 0) {
                        break;
                }
                self->input_at++;
        }
        if (self->input[self->input_at] != 0x1f) {
                return error_say(self->error, EBADMSG, "the gzip data is followed by other data");
        }
        inflater_next_member(inflater);
        return 1;
}

static int inflate_all(struct decompressor *self, struct inflater *inflater)
{
        for (;;) {
                size_t used, written;
                /* At the end of the input, buffered output may remain. */
                int ended, r = decompressor_prepare(self);

                if (r < 0) {
                        return r;
                }
                ended = inflater_step(inflater, self->input + self->input_at, &used,
                                      self->input_length - self->input_at,
                                      self->output + self->output_length,
                                      STREAM_BLOCK_SIZE - self->output_length, &written);
                if (ended < 0) {
                        return error_say(self->error, EBADMSG, "the gzip data is damaged");
                }
                self->input_at += used;
                if (decompressor_wrote(self, written) < 0) {
                        return -EFBIG;
                }
                if (ended) {
                        r = next_member(self, inflater);
                        if (r <= 0) {
                                return r;
                        }
                } else if (r == 0 && written == 0) {
                        return error_say(self->error, EBADMSG, "the gzip data is truncated");
                }
        }
}

int decompress_gzip(struct decompressor *self)
{
        _cleanup_free_ struct inflater *inflater = malloc(sizeof *inflater);
        int r;

        if (!inflater || inflater_start(inflater) < 0) {
                return error_oom(self->error);
        }
        r = inflate_all(self, inflater);
        inflater_stop(inflater);
        return r;
}
