/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_LAYOUT_H
#define IMAGE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include <machine/error.h>

/* Names and records of the store; image/image.h tells what lies where. */

#define STORE_VERSION           1
#define STORE_IMAGES            "images"
#define STORE_LAYERS            "layers"
#define STORE_MACHINES          "machines"
#define STORE_LOCK              "lock"
#define STORE_REFERENCES        "references.json"
#define STORE_REFERENCES_LOCK   "references.lock"
#define STORE_BLOBS             "blobs"
#define STORE_IMAGE_RECORD      "image.json"
#define STORE_IMAGE_CONFIG      "config.json"
#define STORE_IMAGE_MANIFEST    "manifest.json"
#define STORE_IMAGE_DIRECTORIES "directories"
#define STORE_LAYER_RECORD      "layer.json"
#define STORE_LAYER_ENTRIES     "entries"
#define STORE_LAYER_TREE        "tree"
#define STORE_TEMPORARY         "tmp-"

/** A record of the store is at most so long; references.json of 100,000 images fits. */
#define STORE_RECORD_MAX (32U << 20)

/** Why a directory of the store could not be opened; the state directory may not exist yet. */
int store_missing(struct machine_error *error, const char *state_directory, int number);

/**
 * Reads a JSON object of the store and checks its "version". name is for messages. *ret is owned by
 * the caller. 0, -ENOENT (error not filled), or -errno with error filled.
 */
int store_read_record(int directory_fd, const char *path, const char *name, json_t **ret,
                      struct machine_error *error);

/** The image id that a full reference names, or NULL. references is what references.json holds;
 *  the answer is borrowed from it. */
const char *store_find_reference(const json_t *references, const char *reference);

#endif
