/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_DISK_VERITY_H
#define BASE_DISK_VERITY_H

#include "base/disk/disk.h"

/* dm-verity: the root hash of a tree of hashes determines each block of the data. */

#define DISK_HASH_DIGITS_MINIMUM 64
#define DISK_HASH_DIGITS_MAXIMUM 128

/** Whether a text is a root hash in hexadecimal digits. */
bool disk_is_root_hash(const char *text);

/** Looks for the root hash of an image: in NAME.roothash beside it, in its attribute
 * user.verity.roothash, in a signature partition. *ret is NULL if there is none; the caller frees
 * it. 0 or -errno with error set. */
int disk_find_root_hash(const struct disk_image *image, int fd, char **ret,
                        struct machine_error *error);

/** What the superblock of a hash tree says. */
struct disk_tree {
        uint32_t hash_type;
        uint32_t data_block_size;
        uint32_t hash_block_size;
        uint64_t data_blocks;
        uint64_t hash_start; /* in blocks of the tree, from the beginning of the file or device */
        char algorithm[32];
        char salt[513]; /* in hexadecimal digits */
};

/** Reads it at an offset. 0, or -EBADMSG if there is none that is sound. */
int disk_read_tree(int fd, uint64_t offset, struct disk_tree *ret);

#endif
