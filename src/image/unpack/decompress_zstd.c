/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <zstd.h>
#include <zstd_errors.h>

#include "base/error.h"
#include "image/unpack/decompress_internal.h"

DEFINE_CLEANUP(ZSTD_DCtx *, ZSTD_freeDCtx, cleanup_context)

static int damaged(struct decompressor *self, size_t result)
{
        if (ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge) {
                return error_say(self->error, ENOTSUP,
                                 "the zstd data needs a window larger than %u MiB",
                                 1U << (DECOMPRESS_ZSTD_WINDOW_LOG - 20));
        }
        return error_say(self->error, EBADMSG, "the zstd data is damaged: %s",
                         ZSTD_getErrorName(result));
}

int decompress_zstd(struct decompressor *self)
{
        _cleanup_(cleanup_context) ZSTD_DCtx *context = ZSTD_createDCtx();
        size_t pending = 0;

        if (!context || ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax,
                                                            DECOMPRESS_ZSTD_WINDOW_LOG))) {
                return error_oom(self->error);
        }
        for (;;) {
                ZSTD_inBuffer input;
                ZSTD_outBuffer output;
                int r = decompressor_prepare(self);

                if (r < 0) {
                        return r;
                }
                if (r == 0 && pending == 0) {
                        return 0;
                }
                input = (ZSTD_inBuffer){ self->input, self->input_length, self->input_at };
                output = (ZSTD_outBuffer){ self->output, STREAM_BLOCK_SIZE, self->output_length };
                pending = ZSTD_decompressStream(context, &output, &input);
                if (ZSTD_isError(pending)) {
                        return damaged(self, pending);
                }
                self->input_at = input.pos;
                if (r == 0 && output.pos == self->output_length && pending != 0) {
                        return error_say(self->error, EBADMSG, "the zstd data is truncated");
                }
                if (decompressor_wrote(self, output.pos - self->output_length) < 0) {
                        return -EFBIG;
                }
        }
}
