/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <bzlib.h>

#include "base/error.h"
#include "base/library.h"
#include "image/unpack/decompress_internal.h"

static struct {
        __typeof__(BZ2_bzDecompressInit) *start;
        __typeof__(BZ2_bzDecompress) *step;
        __typeof__(BZ2_bzDecompressEnd) *end;
} library;

int decompress_load_bzip2(struct machine_error *error)
{
        static const struct library_function functions[] = {
                { "BZ2_bzDecompressInit", offsetof(__typeof__(library), start) },
                { "BZ2_bzDecompress", offsetof(__typeof__(library), step) },
                { "BZ2_bzDecompressEnd", offsetof(__typeof__(library), end) },
        };
        /* Debian's name and the usual one. */
        static const char *const names[] = { "libbz2.so.1.0", "libbz2.so.1" };
        int r = -ELIBACC;

        for (size_t i = 0; i < ELEMENTS_OF(names) && r < 0; i++) {
                machine_error_clear(error);
                r = library_load(names[i], functions, ELEMENTS_OF(functions), &library, error);
        }
        if (r < 0) {
                error_prefix(error, "cannot decompress bzip2 data");
                error_hint(error, "install libbz2 (Debian: libbz2-1.0, Fedora: bzip2-libs)");
        }
        return r;
}

/* Decompresses one stream. Returns 0 at its end, or -errno. */
static int decompress_stream(struct decompressor *self, bz_stream *stream)
{
        for (;;) {
                int ended, code, r = decompressor_prepare(self);
                unsigned int room;

                if (r < 0) {
                        return r;
                }
                ended = r == 0;
                room = (unsigned int)(STREAM_BLOCK_SIZE - self->output_length);
                stream->next_in = (char *)self->input + self->input_at;
                stream->avail_in = (unsigned int)(self->input_length - self->input_at);
                stream->next_out = (char *)self->output + self->output_length;
                stream->avail_out = room;
                code = library.step(stream);
                self->input_at = self->input_length - stream->avail_in;
                r = decompressor_wrote(self, room - stream->avail_out);
                if (r < 0 || code == BZ_STREAM_END) {
                        return r;
                }
                if (code == BZ_MEM_ERROR) {
                        return error_oom(self->error);
                }
                if (code != BZ_OK) {
                        return error_say(self->error, EBADMSG, "the bzip2 data is damaged");
                }
                if (ended && stream->avail_out == room) {
                        return error_say(self->error, EBADMSG, "the bzip2 data is truncated");
                }
        }
}

/* A file may consist of several streams, as parallel compressors write them. */
int decompress_bzip2(struct decompressor *self)
{
        int r = 1;

        while (r > 0) {
                bz_stream stream = { 0 };

                if (library.start(&stream, 0, 0) != BZ_OK) {
                        return error_oom(self->error);
                }
                r = decompress_stream(self, &stream);
                (void)library.end(&stream);
                if (r == 0) {
                        r = decompressor_fill(self);
                }
        }
        return r;
}
