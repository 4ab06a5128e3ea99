/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_ARCHIVE_EXPORT_H
#define IMAGE_ARCHIVE_EXPORT_H

#include "image/registry/registry.h"
#include "image/store/session.h"

/* Exporting images. The store keeps trees, not archives, so each layer is written as a new tar,
 * unless its blob was kept (as_pulled.h). Its files are the same as those of the original tar, its
 * digests are not. */

/** An image as blobs in a directory of the store: an OCI layout without its index. */
struct exported {
        char name[64]; /* of the temporary directory */
        int fd;        /* of it, locked */
        struct manifest manifest;
        digest_text digest; /* of the manifest, or of the index */
        uint64_t size;
        const char *media_type; /* NULL: an OCI manifest */
};

#define EXPORTED_INIT                                   \
        {                                               \
                .fd = -EBADF, .manifest = MANIFEST_INIT \
        }

/** Makes the directory, with nothing but its empty directories. Returns 0 or -errno. */
int export_begin(struct session *session, struct exported *ret, struct machine_error *error);

/** Writes the image's layers, config and manifest; plain: layers uncompressed. Returns 0 or -errno.
 */
int export_image(struct session *session, const char *id, bool plain, struct exported *ret,
                 struct machine_error *error);
void export_clear(struct session *session, struct exported *exported);

/** Rewrites the manifest with Docker's media types. Returns 0 or -errno. */
int export_for_docker(struct exported *exported, struct machine_error *error);

/** Opens one of its blobs. Returns a descriptor or -errno. */
int export_open(const struct exported *exported, const char *digest);

enum save_format {
        SAVE_OCI,       /* a tar of an OCI layout */
        SAVE_DOCKER,    /* an archive as written by docker save */
        SAVE_DIRECTORY, /* an OCI layout in a directory */
};

/** Writes an image of the store to a file ("-": standard output) or a directory. */
int save(struct session *session, const char *image, const char *path, enum save_format format,
         bool all_platforms, struct machine_error *error);

/** Commits a machine: makes an image from its writable layer and the image below it, with changes
 * of its config as change_config() takes them. Returns 0 or -errno. */
int commit(struct session *session, const char *machine, const char *name, char *const *changes,
           digest_text ret_id, struct machine_error *error);

struct push_options {
        const char *image;
        const char *reference; /* the target, or NULL: the image's own name */
        const char *registries;
        bool insecure;
        bool all_platforms;
};

/** Pushes an image to a registry. *ret_digest is the manifest's. Returns 0 or -errno. */
int push(struct session *session, const struct push_options *options, digest_text ret_digest,
         char **ret_reference, struct machine_error *error);

#endif
