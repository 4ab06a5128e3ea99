/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_UNPACK_H
#define IMAGE_UNPACK_H

#include <stdint.h>
#include <stdio.h>

#include <machine/error.h>

#include "image/stream.h"

/* From a tar stream to a layer's tree. */

/** Extended attributes of one entry are at most so many, and their values so long in all. */
#define UNPACK_ATTRIBUTES_MAX      128
#define UNPACK_ATTRIBUTES_SIZE_MAX (256U << 10)

struct unpack_result {
        uint64_t entries; /* lines of the list */
        uint64_t implied; /* directories that the layer lacks */
        uint64_t bytes;   /* of all regular files */
        uint64_t ignored; /* extended attributes that the file system does not take */
};

/**
 * Reads the stream as reader 0, to its end, and makes the tree in root_fd's directory, an empty
 * one. entries is opened for reading and writing: the list of what is there; implied gets the paths
 * of implied directories, escaped, a line each. The umask is 0. 0, or -errno with error filled.
 */
int unpack(struct stream *stream, int root_fd, FILE *entries, FILE *implied,
           struct unpack_result *ret, struct machine_error *error);

#endif
