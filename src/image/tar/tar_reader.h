/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TAR_TAR_READER_H
#define IMAGE_TAR_TAR_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <machine/error.h>

#include "base/cleanup.h"
#include "image/common/entries.h"

/* A reader of tar archives: v7, ustar (POSIX.1-1988), pax (POSIX.1-2001), GNU's long names and
 * sparse files, star's base-256 numbers. If these leave a choice, it behaves like Go's archive/tar,
 * with which all other engines read layers: links, directories, devices and FIFOs have no content,
 * whatever their size. It refuses what that package refuses, and whatever is ambiguous: a block of
 * zeros between members, a global header with names or sizes. */

/** The source of an archive's bytes. */
struct tar_input {
        /** Gets the next piece, valid until the next call. *ret_length is 0 at the end. Returns 0
         * or -errno. */
        int (*read)(void *data, const uint8_t **ret, size_t *ret_length);
        /** Skips unread bytes. NULL: they are read instead. */
        void (*skip)(void *data, uint64_t length);
        void *data;
};

/** A piece of a sparse file's content. */
struct tar_extent {
        uint64_t offset;
        uint64_t length;
};

/** The type of a member. */
enum tar_type {
        TAR_FILE = 'f',
        TAR_DIRECTORY = 'd',
        TAR_LINK = 'l',
        TAR_HARD_LINK = 'h',
        TAR_CHARACTER_DEVICE = 'c',
        TAR_BLOCK_DEVICE = 'b',
        TAR_FIFO = 'p',
        TAR_OTHER = '?', /* a type without an equivalent in Linux */
};

/** A member. The reader owns its content, which is valid until the next member. */
struct tar_entry {
        enum tar_type type;
        const char *path;
        const char *target; /* of a link of either kind; otherwise "" */
        unsigned int mode;
        int64_t uid;
        int64_t gid;
        int64_t mtime;
        long mtime_nsec;
        uint64_t device_major;
        uint64_t device_minor;
        uint64_t size;           /* of a file, including holes */
        bool sparse;             /* it has holes, or a map without holes */
        uint64_t content_offset; /* the offset of the content in the archive */
        const struct entry_attribute *attributes;
        size_t attribute_count;
};

struct tar_reader;

/** Makes a reader; the input is copied. NULL if out of memory. */
struct tar_reader *tar_reader_new(const struct tar_input *input);
void tar_reader_free(struct tar_reader *reader);
DEFINE_CLEANUP(struct tar_reader *, tar_reader_free, cleanup_tar_reader)
#define _cleanup_tar_reader_ _cleanup_(cleanup_tar_reader)

/** Reads the next member. Returns 1, 0 at the end of the archive, or -errno with the error set. */
int tar_reader_next(struct tar_reader *reader, const struct tar_entry **ret,
                    struct machine_error *error);

/** Reads the next piece of the member's content and its offset. Returns 1, 0 at its end, or -errno
 * with the error set. Offsets only increase and stay within the member's size. */
int tar_reader_content(struct tar_reader *reader, const void **ret, size_t *ret_length,
                       uint64_t *ret_offset, struct machine_error *error);

#endif
