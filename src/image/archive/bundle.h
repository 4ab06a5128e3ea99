/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_ARCHIVE_BUNDLE_H
#define IMAGE_ARCHIVE_BUNDLE_H

#include <stdint.h>

#include "image/store/session.h"
#include "image/unpack/members.h"

/* A set of files that contains images: the members of a tar, or a directory. */

struct bundle {
        int fd; /* of the tar, or of the directory */
        bool directory;
        uint64_t size; /* of the tar */
        struct members members;
};

#define BUNDLE_INIT          \
        {                    \
                .fd = -EBADF \
        }

/** One of its files: a range of an open file. */
struct bundle_file {
        int fd;
        bool owned; /* the descriptor is closed with the struct */
        uint64_t offset;
        uint64_t length;
};

#define BUNDLE_FILE_INIT     \
        {                    \
                .fd = -EBADF \
        }

/** Opens a file, a directory or standard input ("-"). A compressed file or a pipe is first copied
 * to an unlinked file of the store. Returns 0 or -errno. */
int bundle_open(struct session *session, const char *path, struct bundle *ret,
                struct machine_error *error);
void bundle_close(struct bundle *bundle);
#define _cleanup_bundle_ _cleanup_(bundle_close)

bool bundle_has(const struct bundle *bundle, const char *path);

/** Finds a file, following links inside the bundle. Returns 0, -ENOENT or -errno with error set. */
int bundle_find(const struct bundle *bundle, const char *path, struct bundle_file *ret,
                struct machine_error *error);
void bundle_file_close(struct bundle_file *file);
#define _cleanup_bundle_file_ _cleanup_(bundle_file_close)

/** Reads a whole file of at most `maximum` bytes. The text is NUL-terminated. */
int bundle_read(const struct bundle *bundle, const char *path, size_t maximum, char **ret,
                size_t *ret_length, struct machine_error *error);

/** Reads a blob of an OCI layout of at most DOCUMENT_SIZE_MAX and verifies its size and digest. */
int bundle_read_blob(const struct bundle *bundle, const struct descriptor *descriptor, char **ret,
                     struct machine_error *error);

/** The path of a blob in an OCI layout: "blobs/sha256/HEX". */
#define BUNDLE_PATH_SIZE (sizeof "blobs/" + DIGEST_TEXT_LENGTH_MAX)
void bundle_blob_path(const char *digest, char ret[static BUNDLE_PATH_SIZE]);

#endif
