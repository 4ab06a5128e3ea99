/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_DECOMPRESS_H
#define IMAGE_DECOMPRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <machine/error.h>

#include "image/stream.h"

/* Decompression by the content's own magic: gzip of any number of members, zstd of any number of
 * frames, or nothing. Labels lie. */

/** No more than so many bytes come out of one layer. */
#define DECOMPRESS_OUTPUT_MAX (UINT64_C(256) << 30)
/** Beyond so many bytes of output .. */
#define DECOMPRESS_RATIO_FROM (UINT64_C(2) << 30)
/** .. there may be at most so many for each byte of input. gzip cannot do more than 1032. */
#define DECOMPRESS_RATIO_MAX 600
/** zstd windows up to 2^25 bytes, so that memory stays bounded; level 19 uses 2^23. */
#define DECOMPRESS_ZSTD_WINDOW_LOG 25

/**
 * Where compressed bytes come from: a range of a file, which may still grow while it is read, or a
 * pipe. A growing file has a control descriptor: from it uint64_t numbers are read, each how many
 * bytes of the range are there by now. When it ends before the range is complete, so does the
 * source, with -ECANCELED.
 */
struct decompress_source {
        int fd;
        int control;        /* or -EBADF: all is there */
        bool sequential;    /* a pipe: no offset and no length */
        off_t offset;       /* where the next byte is */
        uint64_t remaining; /* bytes up to the end of the range */
        uint64_t available; /* of these, how many are there */
        uint64_t consumed;  /* bytes read so far */
};

/** Reads at least one byte, or 0 at the end. The number of bytes or -errno. */
ssize_t decompress_source_read(struct decompress_source *source, void *data, size_t length);

/** Decompresses the source into the stream and ends the stream. 0 or -errno with error filled. */
int decompress(struct decompress_source *source, struct stream *stream,
               struct machine_error *error);

#endif
