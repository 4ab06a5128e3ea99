/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_BUNDLE_H
#define IMAGE_BUNDLE_H

#include <stdint.h>

#include "image/members.h"
#include "image/session.h"

/* A set of files that images are in: a tar's members or a directory. */

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

/** One file of it: a range of a file. */
struct bundle_file {
        int fd;
        bool owned; /* the descriptor is closed with it */
        uint64_t offset;
        uint64_t length;
};

#define BUNDLE_FILE_INIT     \
        {                    \
                .fd = -EBADF \
        }

/** Opens a file, a directory or standard input ("-"). What is compressed or comes through a pipe is
 * first copied to an unlinked file of the store. 0 or -errno. */
int bundle_open(struct session *session, const char *path, struct bundle *ret,
                struct machine_error *error);
void bundle_close(struct bundle *bundle);
#define _cleanup_bundle_ _cleanup_(bundle_close)

bool bundle_has(const struct bundle *bundle, const char *path);

/** Finds a file; links are followed inside the bundle. 0, -ENOENT or -errno with error filled. */
int bundle_find(const struct bundle *bundle, const char *path, struct bundle_file *ret,
                struct machine_error *error);
void bundle_file_close(struct bundle_file *file);
#define _cleanup_bundle_file_ _cleanup_(bundle_file_close)

/** Reads a whole file, at most `maximum` bytes. The text ends with a NUL. */
int bundle_read(const struct bundle *bundle, const char *path, size_t maximum, char **ret,
                size_t *ret_length, struct machine_error *error);

/** Reads a blob of an OCI layout and verifies size and digest; at most DOCUMENT_SIZE_MAX. */
int bundle_read_blob(const struct bundle *bundle, const struct descriptor *descriptor, char **ret,
                     struct machine_error *error);

/** Where a blob lies in an OCI layout. */
void bundle_blob_path(const char *digest, char ret[static 96]);

#endif
