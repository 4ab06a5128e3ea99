/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_LAYOUT_H
#define IMAGE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include <machine/error.h>

/* Names and records of the store; image/image.h describes its layout. */

#define STORE_VERSION           1
#define STORE_IMAGES            "images"
#define STORE_LAYERS            "layers"
#define STORE_MACHINES          "machines"
#define STORE_LOCK              "lock"
#define STORE_REFERENCES        "references.json"
#define STORE_REFERENCES_LOCK   "references.lock"
#define STORE_BLOBS             "blobs"
#define STORE_KEPT              "kept"
#define STORE_UPDATE_RECORD     "update.json"
#define STORE_IMAGE_RECORD      "image.json"
#define STORE_IMAGE_CONFIG      "config.json"
#define STORE_IMAGE_MANIFEST    "manifest.json"
#define STORE_IMAGE_ORIGINAL    "original.json"
#define STORE_IMAGE_DIRECTORIES "directories"
#define STORE_IMAGE_RESOLVED    "resolved"
#define STORE_LAYER_RECORD      "layer.json"
#define STORE_LAYER_ENTRIES     "entries"
#define STORE_LAYER_TREE        "tree"
#define STORE_LAYER_IMPLIED     "implied"
#define STORE_TEMPORARY         "tmp-"

/** The maximum length of a record of the store; enough for 100,000 images in references.json. */
#define STORE_RECORD_MAX (32U << 20)

/** Reports why a directory of the store could not be opened. The state directory may not exist yet.
 */
int store_missing(struct machine_error *error, const char *state_directory, int number);

/**
 * Reads a JSON object of the store and checks its "version". name is for messages. The caller owns
 * *ret. Returns 0, -ENOENT without error set, or -errno with error set.
 */
int store_read_record(int directory_fd, const char *path, const char *name, json_t **ret,
                      struct machine_error *error);

/** Returns the image id of a full reference, or NULL. references is the content of references.json
 * and owns the result. */
const char *store_find_reference(const json_t *references, const char *reference);

#endif
