/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_UNPACK_UNPACK_H
#define IMAGE_UNPACK_UNPACK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <machine/error.h>

#include "image/unpack/stream.h"

/* From a tar stream to a layer's tree. */

/** The maximum number of extended attributes of one entry, and the total length of their values. */
#define UNPACK_ATTRIBUTES_MAX      128
#define UNPACK_ATTRIBUTES_SIZE_MAX (256U << 10)

struct unpack_result {
        uint64_t entries; /* lines of the list */
        uint64_t implied; /* implied directories */
        uint64_t bytes;   /* of all regular files */
        uint64_t devices; /* nodes that a user cannot make, which are left out */
        uint64_t ignored; /* extended attributes that the file system does not support */
};

struct unpack_options {
        bool literal;   /* the archive is not a layer: names and devices that mark removed files in
                         * one are files, and hard links to files of others are refused */
        bool one_owner; /* all files belong to root */
};

/**
 * Reads the stream as reader 0, to its end, and makes the tree in the empty directory root_fd.
 * entries is open for reading and writing; it gets the list of the layer's files. implied gets the
 * paths of implied directories, escaped, one per line ("/PATH"), and the hard links to files that
 * the layer does not hold ("h/PATH /TARGET"). The umask is 0.
 * Returns 0 or -errno with error set.
 */
int unpack(struct stream *stream, const struct unpack_options *options, int root_fd, FILE *entries,
           FILE *implied, struct unpack_result *ret, struct machine_error *error);

#endif
