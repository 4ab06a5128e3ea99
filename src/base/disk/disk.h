/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_DISK_DISK_H
#define BASE_DISK_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <machine/error.h>

#include "base/cleanup.h"

/**
 * Disk images: files or block devices with a partition table (GPT), whose partitions say themselves
 * what they are for (the Discoverable Partitions Specification, UAPI.2), or with one file system
 * and no table. What something is, is found from its content, never from its name.
 */

/** What a partition is for. */
enum disk_role {
        DISK_OTHER, /* nothing that machines use */
        DISK_ROOT,
        DISK_USR,
        DISK_HOME,
        DISK_SRV,
        DISK_VAR,
        DISK_TMP,
        DISK_ESP,
        DISK_XBOOTLDR,
        DISK_SWAP,
        DISK_ROLES,
};

/** What it contributes to that. */
enum disk_part {
        DISK_DATA,
        DISK_VERITY,    /* the hash tree of the data */
        DISK_SIGNATURE, /* the signature of the tree's root hash */
        DISK_PARTS,
};

/* Flags of partitions. */
#define DISK_GROW_FILE_SYSTEM (UINT64_C(1) << 59)
#define DISK_READ_ONLY        (UINT64_C(1) << 60)
#define DISK_NO_AUTO          (UINT64_C(1) << 63)

/** What was found in an image without a table, or in a partition. */
struct disk_content {
        char *type; /* "ext4", "squashfs", "crypto_LUKS", "DM_verity_hash", as blkid(8); NULL:
                     * unknown */
        bool file_system;
        char *id; /* its UUID or NULL */
        char *label;
        uint64_t size;       /* in bytes, as its superblock says; 0: not known */
        uint32_t block_size; /* in bytes, 0: not known */
};

struct disk_partition {
        unsigned int number; /* from 1 on */
        uint64_t offset;     /* in bytes */
        uint64_t size;
        char type_id[37]; /* UUIDs in lower case */
        char id[37];
        char *label; /* or NULL */
        uint64_t flags;
        enum disk_role role;
        enum disk_part part;
        const char *architecture; /* "x86-64", of root and usr; else NULL */
        struct disk_content content;
};

struct disk_image {
        char *path;
        bool block_device;
        uint64_t size; /* of the file or device */
        bool has_table;
        uint32_t sector_size; /* of the table */
        char id[37];          /* of the table */
        struct disk_content content;
        struct disk_partition *partitions;
        size_t count;
};

/** Whether something that stat(2) has told of can only be an image: no directory. */
bool disk_is_image(const struct stat *info);

/**
 * Opens an image for reading, or for writing as well. Refused are links to files (one to a block
 * device is followed, as udev's names are such links), FIFOs and other special files, empty files,
 * and files that a process has open for writing. Does not block. Returns a descriptor, or -errno
 * with error set.
 */
int disk_open(const char *path, bool write, struct machine_error *error);

/** The same for reading what a machine may be writing to. */
int disk_open_busy(const char *path, struct machine_error *error);

/**
 * Finds out what is in an image. Reads nothing but the image. Returns 0, or -errno with error set:
 * damaged tables, files that are shorter than their table or file system says, tables of other
 * kinds, content of no known or of more than one kind. The caller clears *ret with disk_clear().
 */
int disk_probe(int fd, const char *path, struct disk_image *ret, struct machine_error *error);

void disk_clear(struct disk_image *image);

/** The partitions that make up a root. */
struct disk_choice {
        const struct disk_partition *data[DISK_ROLES];
        const struct disk_partition *verity[DISK_ROLES]; /* of root and usr, or NULL */
        const struct disk_partition *signature[DISK_ROLES];
};

/**
 * Chooses those for this processor: of several versions of root or usr the newest by its label. If
 * a root hash is given, as hexadecimal digits, the data and its tree are those that it names by
 * their UUIDs. Partitions that are not to be mounted automatically, or are empty (the label
 * "_empty"), are left out. Only for images with a table. 0, or -errno with an error: neither root
 * nor usr, only for another processor, two candidates for one place.
 */
int disk_choose(const struct disk_image *image, const char *root_hash, struct disk_choice *ret,
                struct machine_error *error);

/** Whether a root hash names a partition of data by its UUID. */
bool disk_has_hash(const struct disk_partition *partition, const char *root_hash);

/** The place that a root hash is for: the one with the data that it names, otherwise the root. */
enum disk_role disk_covered_role(const struct disk_choice *choice, const char *root_hash);

/** Whether anything in an image would be written to if it is used in place: not what the root hash
 * (or NULL) is for. */
bool disk_is_writable(const struct disk_image *image, const char *root_hash);

/** Where a role is mounted: "" for the root, "usr", .. ; NULL: nowhere. */
const char *disk_place(enum disk_role role);

/** "root", "usr-verity", "root-verity-sig", "esp", .. */
const char *disk_role_name(enum disk_role role, enum disk_part part);

/** The architecture of this program, as in a partition. */
const char *disk_own_architecture(void);

/** Whether a file system can be mounted from images: 0, or -EOPNOTSUPP with an error that names the
 * image, and the partition unless that is NULL. */
int disk_check_content(const struct disk_image *image, const struct disk_partition *partition,
                       struct machine_error *error);

/** Whether a file system of a type can be written to. */
bool disk_type_is_writable(const char *type);

/** Whether the kernel is trusted with a file system of anybody's: those that were made to be
 * distributed. */
bool disk_type_is_hardened(const char *type);

/** Compares two versions as the UAPI version format specification (UAPI.10) does: below 0, 0 or
 * above 0. */
int disk_compare_versions(const char *a, const char *b);

/** The type of a partition of root or usr, as a UUID; NULL for an unknown architecture. */
const char *disk_type_of(enum disk_role role, enum disk_part part, const char *architecture);

/** The path of what belongs to an image and is beside it: "DIR/web.roothash" for "DIR/web.raw" and
 * ".roothash", "DIR/web.erofs.roothash" for "DIR/web.erofs". The caller frees it; NULL if out of
 * memory. */
char *disk_beside(const char *path, const char *suffix);

static inline void cleanup_disk_image(struct disk_image *image)
{
        disk_clear(image);
}
#define _cleanup_disk_image_ _cleanup_(cleanup_disk_image)

#endif
