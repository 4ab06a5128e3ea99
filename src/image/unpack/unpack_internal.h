/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_UNPACK_UNPACK_INTERNAL_H
#define IMAGE_UNPACK_UNPACK_INTERNAL_H

#include "image/common/entries.h"
#include "image/tar/tar_reader.h"
#include "image/unpack/tree.h"
#include "image/unpack/unpack.h"

/** A hard link to a file that the layer lacks; a lower layer may have it. */
struct unpack_link {
        char *path;
        char *target;
};

/** No real layer has more of them. */
#define UNPACK_LINKS_MAX 100000

struct unpacker {
        bool literal;     /* the archive is not a layer */
        bool one_owner;   /* all files belong to root */
        const char *what; /* "layer" or "archive", for messages */
        struct tree tree;
        struct tar_reader *reader;
        const struct tar_entry *entry;
        char path[PATH_MAX]; /* of the entry, clean */
        FILE *entries;
        struct unpack_link *links;
        size_t link_count;
        struct unpack_result result;
        struct machine_error *error;
};

/** The attributes of an entry to keep; freed by unpack_attributes_clear(). */
struct unpack_attributes {
        struct entry_attribute items[UNPACK_ATTRIBUTES_MAX];
        size_t count;
};

/** "cannot ACTION /PATH: reason". Returns -errno. */
int unpack_failed(struct unpacker *self, int number, const char *action);

/** Removes what is in the way of the entry. Returns 0 or -errno with error set. */
int unpack_clear_way(struct unpacker *self, int parent_fd, const char *name);

/** Adds a line to the list. */
int unpack_note(struct unpacker *self, const struct layer_entry *entry);

/**
 * Sets owner, mode, attributes and time of a new file, in this order because chown clears
 * set-user-id and security.capability. fd is its descriptor, or -EBADF for what cannot be opened.
 * Fills described->attributes.
 */
int unpack_metadata(struct unpacker *self, int fd, int parent_fd, const char *name,
                    struct layer_entry *described);

/** Writes the content of a regular file and computes its checksum. */
int unpack_content(struct unpacker *self, int fd, struct layer_entry *described);

/** Applies a whiteout or the mark of an opaque directory. */
int unpack_whiteout(struct unpacker *self, const char *name);

/** Whether the name is that of a whiteout. */
bool unpack_is_whiteout(const char *name);

/** Sets the times of directories, and makes the list anew if entries were replaced. */
int unpack_finish(struct unpacker *self, FILE *implied);

#endif
