/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_UNPACK_DECOMPRESS_H
#define IMAGE_UNPACK_DECOMPRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <machine/error.h>

#include "image/common/compression.h"
#include "image/unpack/stream.h"

/* Decompression of gzip, zstd, xz or bzip2, as detected by magic, of any number of members, frames
 * or streams; other content is copied. */

/** The maximum output of one layer. */
#define DECOMPRESS_OUTPUT_MAX (UINT64_C(256) << 30)
/** From this much output on .. */
#define DECOMPRESS_RATIO_FROM (UINT64_C(2) << 30)
/** .. output may be this many times the input. The maximum of gzip is 1032. */
#define DECOMPRESS_RATIO_MAX 600
/** The maximum zstd window is 2^25 bytes, to limit memory; level 19 uses 2^23. */
#define DECOMPRESS_ZSTD_WINDOW_LOG 25

/**
 * The source of compressed bytes: a range of a file, which may still grow while it is read, or a
 * pipe. A growing file has a control descriptor, which sends uint64_t numbers: the bytes of the
 * range that are present. If it ends before the range is complete, reading fails with -ECANCELED.
 */
struct decompress_source {
        int fd;
        int control;        /* or -EBADF if the file is complete */
        bool sequential;    /* a pipe, without offset and length */
        off_t offset;       /* of the next byte */
        uint64_t remaining; /* bytes up to the end of the range */
        uint64_t available; /* the number of these that are present */
        uint64_t consumed;  /* bytes read so far */
        /* Read in advance by decompress_prepare(). */
        uint8_t head[COMPRESSION_MAGIC_SIZE];
        size_t head_length;
        size_t head_at;
};

/**
 * Reads the magic and loads the library to decompress, which is impossible once the process is
 * confined. Waits for the first bytes. Returns 0 or -errno with error set.
 */
int decompress_prepare(struct decompress_source *source, struct machine_error *error);

/** Decompresses the source into the stream and ends the stream. Returns 0 or -errno with error set.
 */
int decompress(struct decompress_source *source, struct stream *stream,
               struct machine_error *error);

#endif
