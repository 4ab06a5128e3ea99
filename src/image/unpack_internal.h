/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_UNPACK_INTERNAL_H
#define IMAGE_UNPACK_INTERNAL_H

#include <archive.h>
#include <archive_entry.h>

#include "image/entries.h"
#include "image/tree.h"
#include "image/unpack.h"

struct unpacker {
        struct tree tree;
        struct archive *archive;
        const struct archive_input *input;
        struct archive_entry *entry;
        char path[PATH_MAX]; /* of the entry, clean */
        FILE *entries;
        struct unpack_result result;
        struct machine_error *error;
};

/** The attributes of an entry that are kept; frees with unpack_attributes_clear(). */
struct unpack_attributes {
        struct entry_attribute items[UNPACK_ATTRIBUTES_MAX];
        size_t count;
};

/** "cannot ACTION /PATH: reason". Returns -errno. */
int unpack_failed(struct unpacker *self, int number, const char *action);

/** Whether something stands in the way is removed. 0 or -errno with error filled. */
int unpack_clear_way(struct unpacker *self, int parent_fd, const char *name);

/** Adds a line to the list. */
int unpack_note(struct unpacker *self, const struct layer_entry *entry);

/** Describes the entry for the list, without content. */
void unpack_describe(struct unpacker *self, char type, struct layer_entry *ret);

/**
 * Sets owner, mode, attributes and time of what was just made, in the order in which one does not
 * undo the other: chown clears set-user-id, and security.capability. fd is its descriptor, or
 * -EBADF for what cannot be opened. Fills described->attributes.
 */
int unpack_metadata(struct unpacker *self, int fd, int parent_fd, const char *name,
                    struct layer_entry *described);

/** Writes the content of a regular file and its checksum. */
int unpack_content(struct unpacker *self, int fd, struct layer_entry *described);

/** A whiteout, or the mark of an opaque directory. */
int unpack_whiteout(struct unpacker *self, int parent_fd, const char *name);

/** Whether the name is a whiteout's. */
bool unpack_is_whiteout(const char *name);

/** Times of directories, and the list when entries came twice. */
int unpack_finish(struct unpacker *self, FILE *implied);

#endif
