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

/** The root hash in a signature partition alone. */
int disk_find_signed_hash(const struct disk_image *image, int fd, char **ret,
                          struct machine_error *error);

/** A signature of a root hash, as hexadecimal digits in lower case: PKCS#7, detached, DER. */
struct disk_signature {
        char *data; /* NULL: there is none */
        size_t size;
        char *origin; /* for messages: "the file .." */
};

/** The most that the kernel takes (keyctl(2)). */
#define DISK_SIGNATURE_MAXIMUM 32767

/**
 * Looks for the signature of a root hash: in the file `path` (or NULL), in NAME.roothash.p7s beside
 * the image, in a signature partition of this hash. ret->data is NULL if there is none; the caller
 * clears *ret. 0 or -errno with error set.
 */
int disk_find_signature(const struct disk_image *image, int fd, const char *root_hash,
                        const char *path, struct disk_signature *ret, struct machine_error *error);

void disk_signature_clear(struct disk_signature *signature);

/** What a signature partition contains (the Discoverable Partitions Specification). */
struct disk_signed_hash {
        char *root_hash;                 /* in lower case */
        struct disk_signature signature; /* data NULL: it has none */
};

/** Parses its JSON. 0; -EBADMSG if it is none, or has no root hash; -ENOMEM. The caller clears
 * *ret. */
int disk_parse_signed_hash(const char *text, struct disk_signed_hash *ret);

void disk_signed_hash_clear(struct disk_signed_hash *signed_hash);

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
