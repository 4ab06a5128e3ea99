/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_ARCHIVE_AS_PULLED_H
#define IMAGE_ARCHIVE_AS_PULLED_H

#include "image/archive/export.h"
#include "image/store/original.h"

/* An image under the digests that it has in its registry: its manifest as it was received, and its
 * layers as they were fetched, if the store keeps them. */

/** A manifest with the blobs that it names, or the index, which names no blob itself. */
struct as_pulled_document {
        struct original_document document;
        digest_text digest; /* by which it is known */
        struct manifest blobs;
};

struct as_pulled {
        struct original original;
        digest_text id; /* of the image */
        struct as_pulled_document *documents;
        size_t count;
};

/**
 * Reads what the image was when it was pulled. Returns 1 if the store has all of its blobs, 0 if it
 * lacks some, and also, with ret->documents NULL, if it was not pulled; or -errno. all_platforms:
 * with its index, which comes last, and the images of its other platforms; what is missing is an
 * error then. The caller clears *ret.
 */
int as_pulled_read(struct session *session, const char *id, bool all_platforms,
                   struct as_pulled *ret, struct machine_error *error);
void as_pulled_clear(struct as_pulled *pulled);
#define _cleanup_as_pulled_ _cleanup_(as_pulled_clear)

/** Opens one of the blobs. Returns a descriptor, -ENOENT if the store lacks it, or -errno. */
int as_pulled_open(struct session *session, const struct as_pulled *pulled, const char *digest);

/** Makes an OCI layout of it, of copies. Returns 1 or -errno. */
int as_pulled_export(struct session *session, const struct as_pulled *pulled, struct exported *ret,
                     struct machine_error *error);

#endif
