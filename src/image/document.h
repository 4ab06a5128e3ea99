/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_DOCUMENT_H
#define IMAGE_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <machine/error.h>

#include "base/cleanup.h"
#include "image/digest.h"
#include "image/platform.h"

/* The JSON documents of an image: index, manifest and config, of OCI and of Docker. They come from
 * anywhere: a document is bounded, has no key twice, and each field is checked before it is used.
 */

/** A manifest, an index or a config is at most so long. */
#define DOCUMENT_SIZE_MAX (4U << 20)
/** An image has at most so many layers; overlayfs takes 500 (Linux, OVL_MAX_STACK). */
#define DOCUMENT_LAYERS_MAX 500

#define MEDIA_TYPE_OCI_MANIFEST    "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_TYPE_OCI_INDEX       "application/vnd.oci.image.index.v1+json"
#define MEDIA_TYPE_OCI_CONFIG      "application/vnd.oci.image.config.v1+json"
#define MEDIA_TYPE_OCI_LAYER       "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_TYPE_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_TYPE_DOCKER_LIST     "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_TYPE_DOCKER_CONFIG   "application/vnd.docker.container.image.v1+json"

/** What an index or a manifest says of content that lies elsewhere. */
struct descriptor {
        digest_text digest;
        uint64_t size;
        char *media_type; /* "" where none is given */
        char **urls;      /* where a layer is that registries may not hand out, or NULL */
};

struct manifest {
        struct descriptor config;
        struct descriptor *layers; /* bottom first */
        size_t layer_count;
};

#define MANIFEST_INIT      \
        {                  \
                {          \
                        "" \
                }          \
        }

/** Of a config: what the store and a start need. */
struct config {
        json_t *document;
        digest_text *diff_ids; /* bottom first */
        size_t diff_id_count;
        char *os, *architecture, *variant;
};

#define CONFIG_INIT  \
        {            \
                NULL \
        }

enum document_type {
        DOCUMENT_MANIFEST,
        DOCUMENT_INDEX,
};

/**
 * Parses JSON text: bounded, an object, no key twice. what is for messages ("the manifest of ..").
 * 0 or -errno; the caller owns *ret.
 */
int document_parse(const char *text, size_t length, const char *what, json_t **ret,
                   struct machine_error *error);

/**
 * Which of the two a document is. content_type is the one it came with, parameters and all, or
 * NULL. Refused: a "mediaType" that differs from it, a document with "layers" and "manifests" both
 * (CVE-2021-41190), and schema 1, by its name.
 */
int document_type(const json_t *document, const char *content_type, enum document_type *ret,
                  struct machine_error *error);

/** Reads a manifest. The caller clears *ret. 0 or -errno. */
int manifest_read(const json_t *document, struct manifest *ret, struct machine_error *error);
void manifest_clear(struct manifest *manifest);
#define _cleanup_manifest_ _cleanup_(manifest_clear)

/** Whether the media type is that of an image manifest or of an index. */
bool media_type_is_manifest(const char *media_type);
bool media_type_is_index(const char *media_type);

/**
 * Chooses from an index the manifest (or nested index) that suits the platform best, the first of
 * equals. The caller frees ret->media_type. -ENOENT with error filled where none does; the message
 * lists what there is.
 */
int index_choose(const json_t *document, const struct platform *platform, struct descriptor *ret,
                 struct machine_error *error);

/** Reads a descriptor of any document. 0 or -errno. */
int descriptor_read(const json_t *object, const char *what, struct descriptor *ret,
                    struct machine_error *error);
void descriptor_clear(struct descriptor *descriptor);
#define _cleanup_descriptor_ _cleanup_(descriptor_clear)

/** Reads a config from its text. The caller clears *ret. 0 or -errno. */
int config_read(const char *text, size_t length, struct config *ret, struct machine_error *error);
void config_clear(struct config *config);
#define _cleanup_config_ _cleanup_(config_clear)

/** The defaults of a config as image_resolve() reads them from the image's record. A new reference
 *  in *ret. 0, -EINVAL with error filled where the config is of the wrong shape, or -ENOMEM. */
int config_defaults(const struct config *config, json_t **ret, struct machine_error *error);

#endif
