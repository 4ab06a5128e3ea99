/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_ARCHIVE_COMPRESS_H
#define IMAGE_ARCHIVE_COMPRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "image/common/hash.h"

/** A gzip file in progress, with the digests of its input and output. */
struct compressor;

/** Begins to write to a descriptor, which the caller keeps; plain: without compression. Returns 0
 * or -errno. */
int compressor_open(int fd, bool plain, struct compressor **ret);

/** Adds data. Returns 0 or -errno. */
int compressor_write(struct compressor *compressor, const void *data, size_t length);

/** Finishes the file. *ret_size is its length. Returns 0 or -errno. */
int compressor_end(struct compressor *compressor, digest_text ret_plain, digest_text ret_packed,
                   uint64_t *ret_size);

void compressor_free(struct compressor *compressor);
DEFINE_CLEANUP(struct compressor *, compressor_free, cleanup_compressor)
#define _cleanup_compressor_ _cleanup_(cleanup_compressor)

#endif
