/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TRANSFER_REMOTE_H
#define IMAGE_TRANSFER_REMOTE_H

#include "image/document/document.h"
#include "image/registry/registry.h"

/* An image in a registry: what its name points to now. Nothing is stored. */

struct remote_options {
        const char *reference;
        const char *registries; /* settings file, or NULL */
        bool insecure;
};

struct remote {
        struct registry registry;
        struct image_reference reference;
        const struct platform *platform; /* set by the caller */
        /* The document that the name points to: an index, or the manifest itself. */
        char *top_text;
        char *top_type; /* as the registry says; may be empty */
        size_t top_length;
        digest_text top_digest;
        /* The manifest for the platform. */
        char *manifest_text;
        char *manifest_type;
        size_t manifest_length;
        digest_text manifest_digest;
        struct manifest manifest;
        char *config_text;
        struct config config;
        digest_text digest; /* of the last document */
};

#define REMOTE_INIT                                              \
        {                                                        \
                .manifest = MANIFEST_INIT, .config = CONFIG_INIT \
        }

/** Opens the registry of an image. Returns 0 or -errno; the caller closes *remote in any case. */
int remote_open(struct remote *remote, const struct remote_options *options, const struct log *log,
                struct machine_error *error);
void remote_close(struct remote *remote);
#define _cleanup_remote_ _cleanup_(remote_close)

/** Fetches and verifies the manifest for the platform, through indexes. Returns 0 or -errno. */
int remote_resolve(struct remote *remote, struct machine_error *error);

/** Fetches a manifest that an index names, and verifies it. The text is the transfer's body.
 * Returns 0 or -errno. */
int remote_fetch_manifest(struct remote *remote, const struct descriptor *entry,
                          struct transfer *transfer, json_t **ret, enum document_type *ret_type,
                          struct machine_error *error);

/** Fetches and verifies the config. Returns 0 or -errno. */
int remote_fetch_config(struct remote *remote, struct machine_error *error);

#endif
