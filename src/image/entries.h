/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_ENTRIES_H
#define IMAGE_ENTRIES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <machine/error.h>

#include "base/cleanup.h"

/* The list of what a layer holds, one line per file:
 *
 *   TYPE MODE UID GID SIZE SECONDS.NANOSECONDS MAJOR:MINOR CONTENT ATTRIBUTES PATH [TARGET]
 *
 * TYPE is one of d f l c b p, D for an opaque directory, w for a whiteout, h for a hard link (PATH
 * and TARGET alone count). CONTENT and ATTRIBUTES are checksums. Blanks,
 * control characters, "%" and what is not ASCII are %XX in PATH and TARGET. */

#define ENTRIES_LINE_MAX (3 * 2 * 4096 + 256)

/** What a line tells. */
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

/** Writes a line. 0 or -errno. */
int entry_write(FILE *file, const struct layer_entry *entry);

/** Undoes the escapes in place. 0 or -EINVAL. */
int entry_unescape(char *text);

/** Writes text with escapes. 0 or -errno. */
int entry_write_escaped(FILE *file, const char *text);

/** Takes a line without its newline apart; the entry points into it. 0 or -EINVAL. */
int entry_parse(char *line, struct layer_entry *ret);

/**
 * Describes what is there in the directory under the name. content: whether to read files for their
 * checksum. target is a buffer for a link's target. 0 or -errno.
 */
int entry_describe(int directory_fd, const char *name, bool content, struct layer_entry *ret,
                   char target[static 4096]);

/** The checksum of a regular file's content, holes read as zeros and not read at all. */
int entry_checksum_file(int fd, uint64_t size, uint32_t *ret);

/** Times that ext4 and others keep exactly; beyond them they differ. */
struct timespec entry_time(int64_t seconds, long nanoseconds);

/** Whether an extended attribute is content of a layer: what overlayfs or the host's security
 * module put there is not. */
bool entry_attribute_counts(const char *name);

/** The checksum of extended attributes that are given in any order. names and values are arrays of
 *  count; names are sorted by it. */
struct entry_attribute {
        char *name;
        void *value;
        size_t length;
};
uint32_t entry_attributes_checksum(struct entry_attribute *attributes, size_t count);

#endif
