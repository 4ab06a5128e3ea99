/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <lzma.h>

#include "base/error.h"
#include "base/library.h"
#include "image/unpack/decompress_internal.h"

/* "xz -9" uses a dictionary of 64 MiB, which needs a little more memory. */
#define MEMORY_MAX (UINT64_C(128) << 20)

static struct {
        __typeof__(lzma_stream_decoder) *stream_decoder;
        __typeof__(lzma_code) *code;
        __typeof__(lzma_end) *end;
} library;

int decompress_load_xz(struct machine_error *error)
{
        static const struct library_function functions[] = {
                { "lzma_stream_decoder", offsetof(__typeof__(library), stream_decoder) },
                { "lzma_code", offsetof(__typeof__(library), code) },
                { "lzma_end", offsetof(__typeof__(library), end) },
        };
        int r = library_load("liblzma.so.5", functions, ELEMENTS_OF(functions), &library, error);

        if (r < 0) {
                error_prefix(error, "cannot decompress xz data");
                error_hint(error, "install liblzma (Debian: liblzma5, Fedora: xz-libs)");
        }
        return r;
}

static int failed(struct decompressor *self, lzma_ret code)
{
        return code == LZMA_MEM_ERROR ? error_oom(self->error)
               : code == LZMA_MEMLIMIT_ERROR
                       ? error_say(self->error, ENOTSUP,
                                   "the xz data needs more than %llu MiB of memory",
                                   (unsigned long long)(MEMORY_MAX >> 20))
               : code == LZMA_BUF_ERROR
                       ? error_say(self->error, EBADMSG, "the xz data is truncated")
                       : error_say(self->error, EBADMSG, "the xz data is damaged");
}

static int run(struct decompressor *self, lzma_stream *stream)
{
        for (;;) {
                int ended, r = decompressor_prepare(self);
                size_t room;
                lzma_ret code;

                if (r < 0) {
                        return r;
                }
                ended = r == 0;
                room = STREAM_BLOCK_SIZE - self->output_length;
                stream->next_in = self->input + self->input_at;
                stream->avail_in = self->input_length - self->input_at;
                stream->next_out = self->output + self->output_length;
                stream->avail_out = room;
                code = library.code(stream, ended ? LZMA_FINISH : LZMA_RUN);
                self->input_at = self->input_length - stream->avail_in;
                r = decompressor_wrote(self, room - stream->avail_out);
                if (r < 0 || code == LZMA_STREAM_END) {
                        return r;
                }
                if (code != LZMA_OK) {
                        return failed(self, code);
                }
        }
}

/* A file may consist of several streams with zeros between them, as for xz(1). */
int decompress_xz(struct decompressor *self)
{
        lzma_stream stream = LZMA_STREAM_INIT;
        lzma_ret code = library.stream_decoder(&stream, MEMORY_MAX, LZMA_CONCATENATED);
        int r = code == LZMA_OK ? run(self, &stream) : failed(self, code);

        library.end(&stream);
        return r;
}
