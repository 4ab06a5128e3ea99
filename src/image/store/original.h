/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_STORE_ORIGINAL_H
#define IMAGE_STORE_ORIGINAL_H

#include "image/store/store.h"

/* What an image was in its registry. The store keeps trees, from which no archive can be made again
 * byte for byte. So that an unchanged image is pushed and saved under its digest, the documents are
 * recorded at each pull, and the blobs are kept if the user asks for it. */

/** A manifest or an index, byte for byte. */
struct original_document {
        char *text; /* NULL: there is none */
        size_t length;
        char *media_type;
        digest_text digest;
};

struct original {
        char *domain, *repository; /* where it was pulled from */
        struct original_document manifest;
        struct original_document index; /* if it was pulled with all platforms */
};

/** Writes the record of an image of the store, or replaces it. Returns 0 or -errno. */
int original_write(struct store *store, const char *id, const struct original *original,
                   struct machine_error *error);

/** Reads the record. Returns 1, 0 if the image has none, or -errno. The caller clears *ret. */
int original_read(struct store *store, const char *id, struct original *ret,
                  struct machine_error *error);
void original_clear(struct original *original);
#define _cleanup_original_ _cleanup_(original_clear)

/** Sets a document's text and digest, and its media type from the text, or else the given one. */
int original_document_set(struct original_document *ret, const char *text, size_t length,
                          const char *media_type, struct machine_error *error);
void original_document_clear(struct original_document *document);

/* ---- Blobs as they were pulled (kept.c) ---- */

bool kept_has(struct store *store, const char *digest);

/** Returns a descriptor or -errno. */
int kept_open(struct store *store, const char *digest);

/** Reads a kept manifest or config. Returns 0, -ENOENT if it is not kept, or -errno. */
int kept_read(struct store *store, const char *digest, char **ret, size_t *ret_length);

/** A blob that is being written: kept_begin() opens it, kept_end() syncs it and gives it its name.
 * The caller has verified the digest. */
struct new_kept {
        int fd;
        char name[64];
};
#define NEW_KEPT_INIT    \
        {                \
                .fd = -1 \
        }
int kept_begin(struct store *store, struct new_kept *ret, struct machine_error *error);
int kept_end(struct store *store, struct new_kept *kept, const char *digest,
             struct machine_error *error);
void kept_abort(struct store *store, struct new_kept *kept);

/** Keeps a verified blob that was fetched into the store's directory of blobs. Returns 0 or
 * -errno. */
int kept_adopt(struct store *store, int fd, const char *digest, struct machine_error *error);

/** Removes what no image names. The store is locked exclusively. Returns 0 or -errno. */
int kept_sweep(struct store *store, struct collected *collected, struct machine_error *error);

/** The bytes of an image's kept blobs, each counted once. Returns 0 or -errno. */
int kept_size(struct store *store, const char *id, uint64_t *ret, struct machine_error *error);

#endif
