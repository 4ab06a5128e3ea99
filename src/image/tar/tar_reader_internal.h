/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TAR_TAR_READER_INTERNAL_H
#define IMAGE_TAR_TAR_READER_INTERNAL_H

#include "image/tar/tar_reader.h"

/* Shared by the parts of the reader. */

#define TAR_BLOCK 512

/** The maximum length of extended headers and long names, as in Go's reader. */
#define TAR_SPECIAL_MAX (1U << 20)

/** The limit of offsets and sizes; the sum of two of them cannot overflow. */
#define TAR_SIZE_MAX (UINT64_C(1) << 62)

/** "the tar archive is damaged: TEXT". Returns -EBADMSG. */
int tar_damaged(struct machine_error *error, const char *text);

/* ---- tar_header.c ---- */

/** The content of one header. */
struct tar_header {
        char type; /* the type flag as in the header */
        bool gnu;
        char path[257]; /* prefix, slash, name */
        char link[101];
        unsigned int mode;
        int64_t uid;
        int64_t gid;
        int64_t size;
        int64_t mtime;
        int64_t device_major;
        int64_t device_minor;
};

/** Parses a header's fields. Returns 0, or -EBADMSG with the error set. */
int tar_header_parse(const uint8_t block[static TAR_BLOCK], struct tar_header *ret,
                     struct machine_error *error);

/** Parses a number of a header: octal, or base 256 if the first bit is set. Returns whether it is
 * valid. */
bool tar_header_number(const uint8_t *field, size_t length, int64_t *ret);

/* ---- tar_map.c ---- */

/** A sparse file's map. */
struct tar_map {
        struct tar_extent *extents;
        size_t count;
        size_t room;
};

void tar_map_clear(struct tar_map *map);
/** Adds a piece. Returns 0, -ENOMEM or -E2BIG. */
int tar_map_add(struct tar_map *map, uint64_t offset, uint64_t length);
/** Adds up to `count` pieces of an old GNU header; an empty one ends them. Returns 0 or -errno. */
int tar_map_add_gnu(struct tar_map *map, const uint8_t *entries, size_t count);
/** Adds "OFFSET,LENGTH,OFFSET,LENGTH..". Returns 0 or -errno. */
int tar_map_add_list(struct tar_map *map, const char *text);
/** Whether the pieces are in sequence, end within the file and have this total length. */
bool tar_map_fits(const struct tar_map *map, uint64_t size, uint64_t content);

/* ---- tar_extended.c ---- */

/** The values of extended headers (pax) and long names for the next member. */
struct tar_extended {
        char *path;
        char *link;
        char *long_path; /* GNU's, which take precedence */
        char *long_link;
        char *sparse_path; /* from GNU's sparse files, versions 0.0, 0.1 and 1.0 */
        int64_t uid, gid, size, mtime;
        long mtime_nsec;
        int64_t sparse_size;
        int64_t sparse_major; /* 1: the map precedes the content */
        uint64_t offset;      /* for version 0.0: its length follows */
        struct entry_attribute *attributes;
        size_t attribute_count;
        struct tar_map map;
        bool present; /* there was a header: a member must follow */
        bool has_uid, has_gid, has_size, has_mtime;
        bool has_sparse_size, has_map, has_offset;
};

void tar_extended_clear(struct tar_extended *extended);

/** Adds the records of a pax header. Changes the text. Returns 0, or -errno with the error set. */
int tar_extended_add(struct tar_extended *extended, char *text, size_t length,
                     struct machine_error *error);

/** Checks a global header, which has no effect. Returns 0 or -EBADMSG. */
int tar_extended_check_global(char *text, size_t length, struct machine_error *error);

/** Parses a decimal number. Returns false if the text is not one or overflows. */
bool tar_decimal(const char *text, int64_t *ret);

#endif
