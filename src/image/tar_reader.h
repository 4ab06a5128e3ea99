/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TAR_READER_H
#define IMAGE_TAR_READER_H

#include <stdbool.h>
#include <stdint.h>

#include <archive.h>
#include <archive_entry.h>

#include <machine/error.h>

#include "base/cleanup.h"
#include "image/stream.h"

/* libarchive's tar reader over a stream: the tar format alone, no filters, names as bytes. */

struct archive_input {
        struct stream *stream;
        struct archive *archive;
        bool holding; /* a block that libarchive may still look at */
        bool ended;
        int failure;
        uint64_t length;      /* of what has been handed on */
        uint8_t padding[512]; /* what may be missing of the last block */
};

/** Opens the reader; it reads as the stream's reader 0. 0 or -errno. */
int archive_input_open(struct archive_input *input, struct archive **ret,
                       struct machine_error *error);

/** Reads what follows the tar's end, so that all of the stream passes. 0 or -errno. */
int archive_input_drain(struct archive_input *input);

void archive_input_close(struct archive_input *input);
#define _cleanup_archive_input_ _cleanup_(archive_input_close)

/** The next entry: 1, or 0 at the end, or -errno with error filled. */
int archive_next(struct archive *archive, struct archive_entry **ret, struct machine_error *error);

/** Whether data of a file is none of the stream's: the stream ended within the file. */
bool archive_is_cut_short(const struct archive_input *input, const void *data);

/** What libarchive says is wrong, as an error. Returns -errno. */
int archive_failed(struct archive *archive, struct machine_error *error);

/** Sets a new reader up: the tar format, names as bytes. NULL when memory is short. */
struct archive *archive_tar_reader(void);

#endif
