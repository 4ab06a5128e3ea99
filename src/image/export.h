/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_EXPORT_H
#define IMAGE_EXPORT_H

#include "image/registry.h"
#include "image/session.h"

/* Images on their way out. The store keeps trees, not archives: a layer is written as a tar anew.
 * Its files are the same; its digests are not those of where it came from. */

/** An image as blobs in a directory of the store: an OCI layout that lacks its index. */
struct exported {
        char name[64]; /* of the temporary directory */
        int fd;        /* of it, locked */
        struct manifest manifest;
        digest_text digest; /* of the manifest */
        uint64_t size;
};

#define EXPORTED_INIT                                   \
        {                                               \
                .fd = -EBADF, .manifest = MANIFEST_INIT \
        }

/** Writes the image's layers, config and manifest; plain: layers uncompressed. 0 or -errno. */
int export_image(struct session *session, const char *id, bool plain, struct exported *ret,
                 struct machine_error *error);
void export_clear(struct session *session, struct exported *exported);

/** Opens one of its blobs. A descriptor or -errno. */
int export_open(const struct exported *exported, const char *digest);

enum save_format {
        SAVE_OCI,       /* a tar of an OCI layout */
        SAVE_DOCKER,    /* an archive as docker save writes it */
        SAVE_DIRECTORY, /* an OCI layout in a directory */
};

/** Writes an image of the store to a file ("-": standard output) or a directory. */
int save(struct session *session, const char *image, const char *path, enum save_format format,
         struct machine_error *error);

/** Makes an image from a machine's writable layer and the image that it lies over. */
int commit(struct session *session, const char *machine, const char *name, digest_text ret_id,
           struct machine_error *error);

struct push_options {
        const char *image;
        const char *reference; /* where to, or NULL: the image's own name */
        const char *registries;
        bool insecure;
};

/** Sends an image to a registry. 0 or -errno. ret_digest is the manifest's. */
int push(struct session *session, const struct push_options *options, digest_text ret_digest,
         char **ret_reference, struct machine_error *error);

#endif
