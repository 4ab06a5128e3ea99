/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_COMPRESS_H
#define IMAGE_COMPRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "image/hash.h"

/** A gzip file that is being written, and the digests of what goes in and of what comes out. */
struct compressor;

/** Begins to write to a descriptor, which stays the caller's; plain: as it is. 0 or -errno. */
int compressor_open(int fd, bool plain, struct compressor **ret);

/** Adds data. 0 or -errno. */
int compressor_write(struct compressor *compressor, const void *data, size_t length);

/** Ends the file. ret_size is its length. 0 or -errno. */
int compressor_end(struct compressor *compressor, digest_text ret_plain, digest_text ret_packed,
                   uint64_t *ret_size);

void compressor_free(struct compressor *compressor);
DEFINE_CLEANUP(struct compressor *, compressor_free, cleanup_compressor)
#define _cleanup_compressor_ _cleanup_(cleanup_compressor)

#endif
