/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_COMMON_ENTRIES_H
#define IMAGE_COMMON_ENTRIES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <machine/error.h>

#include "base/cleanup.h"

/* The list of a layer's files, one line per file:
 *
 *   TYPE MODE UID GID SIZE SECONDS.NANOSECONDS MAJOR:MINOR CONTENT ATTRIBUTES PATH [TARGET]
 *
 * TYPE is one of d f l c b p, D for an opaque directory, w for a whiteout, h for a hard link (only
 * PATH and TARGET count). CONTENT and ATTRIBUTES are checksums. In PATH and TARGET, blanks, control
 * characters, "%" and non-ASCII bytes are escaped as %XX. */

#define ENTRIES_LINE_MAX (3 * 2 * 4096 + 256)

/** One line. */
struct layer_entry {
        char type;
        mode_t mode; /* permissions and special bits */
        uid_t uid;
        gid_t gid;
        uint64_t size; /* of a regular file */
        struct timespec mtime;
        dev_t device;
        uint32_t content;
        uint32_t attributes;
        const char *path;   /* without a slash at the start; "" for the root */
        const char *target; /* or NULL */
};

/** Writes a line. Returns 0 or -errno. */
int entry_write(FILE *file, const struct layer_entry *entry);

/** Decodes the escapes in place. Returns 0 or -EINVAL. */
int entry_unescape(char *text);

/** Writes text with escapes. Returns 0 or -errno. */
int entry_write_escaped(FILE *file, const char *text);

/** Parses a line without its newline. The entry points into the line. Returns 0 or -EINVAL. */
int entry_parse(char *line, struct layer_entry *ret);

/**
 * Describes the file of that name in the directory. content: whether to compute the checksum of its
 * content. target is a buffer for a link's target. Returns 0 or -errno.
 */
int entry_describe(int directory_fd, const char *name, bool content, struct layer_entry *ret,
                   char target[static 4096]);

/** The range of times that ext4 and others store exactly. */
struct timespec entry_time(int64_t seconds, long nanoseconds);

/** Whether an extended attribute belongs to a layer's content. Those of overlayfs and of the host's
 * security module do not. */
bool entry_attribute_counts(const char *name);

/** The checksum of extended attributes in any order. names and values are arrays of count elements;
 * names is sorted in place. */
struct entry_attribute {
        char *name;
        void *value;
        size_t length;
};
uint32_t entry_attributes_checksum(struct entry_attribute *attributes, size_t count);

#endif
