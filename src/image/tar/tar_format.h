/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TAR_TAR_FORMAT_H
#define IMAGE_TAR_TAR_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "image/common/entries.h"

/* The headers of a tar archive: ustar, preceded by a pax header (POSIX.1-2001) for values that do
 * not fit: long paths, fractions of seconds, large numbers, extended attributes. */

/** Takes a piece of the tar. Returns 0 or -errno. */
typedef int (*tar_output)(void *data, const void *bytes, size_t length);

/** A member. It owns nothing. */
struct tar_member {
        const char *path;
        const char *target; /* the target of a symbolic or hard link, or NULL */
        bool hard_link;
        mode_t mode; /* including the type */
        uid_t uid;
        gid_t gid;
        uint64_t size; /* of a regular file */
        struct timespec mtime;
        dev_t device;
        const struct entry_attribute *attributes;
        size_t attribute_count;
};

/** Writes the headers of a member. Returns 0, -ENOMEM, or the output's error. */
int tar_format_member(const struct tar_member *member, tar_output output, void *data);

/** Writes the padding after content of that length, up to the next header. */
int tar_format_padding(uint64_t length, tar_output output, void *data);

/** Writes the end of the archive. */
int tar_format_end(tar_output output, void *data);

#endif
