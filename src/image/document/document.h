/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_DOCUMENT_DOCUMENT_H
#define IMAGE_DOCUMENT_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <machine/error.h>

#include "base/cleanup.h"
#include "image/digest.h"
#include "image/document/platform.h"

/* The JSON documents of an image: index, manifest and config, of OCI and of Docker. They are not
 * trusted: size and depth are limited, duplicate keys are refused, and each field is checked before
 * use. */

/** The maximum size of a manifest, index or config. */
#define DOCUMENT_SIZE_MAX (4U << 20)
/** The maximum number of layers; overlayfs allows 500 (Linux, OVL_MAX_STACK). */
#define DOCUMENT_LAYERS_MAX 500

#define MEDIA_TYPE_OCI_MANIFEST    "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_TYPE_OCI_INDEX       "application/vnd.oci.image.index.v1+json"
#define MEDIA_TYPE_OCI_CONFIG      "application/vnd.oci.image.config.v1+json"
#define MEDIA_TYPE_OCI_LAYER       "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_TYPE_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_TYPE_DOCKER_LIST     "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_TYPE_DOCKER_LAYER    "application/vnd.docker.image.rootfs.diff.tar"
#define MEDIA_TYPE_DOCKER_CONFIG   "application/vnd.docker.container.image.v1+json"

/** A reference to content in an index or a manifest. */
struct descriptor {
        digest_text digest;
        uint64_t size;
        char *media_type; /* "" if unspecified */
        char **urls;      /* locations of a layer that registries may not distribute, or NULL */
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

/** The part of a config that the store and a start need. */
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
 * Parses JSON text: limited in size, an object, without duplicate keys. what is for messages ("the
 * manifest of .."). Returns 0 or -errno. The caller owns *ret.
 */
int document_parse(const char *text, size_t length, const char *what, json_t **ret,
                   struct machine_error *error);

/**
 * Copies JSON text and replaces by U+FFFD what Go's reader replaces: unpaired surrogates and
 * invalid UTF-8; also NULs, which no argument or environment variable can hold. Such text occurs in
 * labels and histories, where it is harmless. Returns 0 or -ENOMEM. The caller frees *ret.
 */
int document_mend(const char *text, size_t length, char **ret, size_t *ret_length);

/**
 * Finds out whether a document is a manifest or an index. content_type is the Content-Type with its
 * parameters, or NULL. Refuses a "mediaType" that differs from it, a document with both "layers"
 * and "manifests" (CVE-2021-41190), and schema 1.
 */
int document_type(const json_t *document, const char *content_type, enum document_type *ret,
                  struct machine_error *error);

/** Reads a manifest. The caller clears *ret. Returns 0 or -errno. */
int manifest_read(const json_t *document, struct manifest *ret, struct machine_error *error);
void manifest_clear(struct manifest *manifest);
#define _cleanup_manifest_ _cleanup_(manifest_clear)

/** Reads which blobs a manifest names, of whatever type: for copies, which unpack nothing. The
 * caller clears *ret. Returns 0 or -errno. */
int manifest_read_blobs(const json_t *document, struct manifest *ret, struct machine_error *error);

/**
 * Chooses the manifest (or nested index) of an index that suits the platform best, the first of
 * equals. The caller frees ret->media_type. Returns 0, or -ENOENT with error set if none does; the
 * message lists the platforms of the index.
 */
int index_choose(const json_t *document, const struct platform *platform, struct descriptor *ret,
                 struct machine_error *error);

/** Reads a descriptor of any document. Returns 0 or -errno. */
int descriptor_read(const json_t *object, const char *what, struct descriptor *ret,
                    struct machine_error *error);
void descriptor_clear(struct descriptor *descriptor);
#define _cleanup_descriptor_ _cleanup_(descriptor_clear)

/** Parses a config. The caller clears *ret. Returns 0 or -errno. */
int config_read(const char *text, size_t length, struct config *ret, struct machine_error *error);
void config_clear(struct config *config);
#define _cleanup_config_ _cleanup_(config_clear)

/** Extracts the defaults of a config as image_resolve() reads them from the image's record. *ret is
 * a new reference. Returns 0, -EINVAL with error set if the config is malformed, or -ENOMEM. */
int config_defaults(const struct config *config, json_t **ret, struct machine_error *error);

#endif
