/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_NAMED_H
#define IMAGE_NAMED_H

/*
 * The images that stored trees of definitions name. They are kept from prune, so that a host can go
 * back to each of its trees without the network. sources/ID/images.json below the state directory
 * is written by `apply`:
 *
 *   version     1
 *   revisions   { REVISION: [ ID, .. ] }: the image ids of each stored tree of the source
 */

#include <stdbool.h>

#include <jansson.h>

#include <machine/error.h>

/* CONFIG_STORED_NAME of config/read/stored.h. */
#define IMAGE_NAMED_SOURCES "sources"
#define IMAGE_NAMED_FILE    "images.json"

/** Reads the images that the trees of a source name: an object of revisions, empty if nothing is
 * recorded. The caller owns *ret. Returns 0 or -errno with error set. */
int image_named_read(int directory_fd, json_t **ret, struct machine_error *error);

/** Replaces them. Returns 0 or -errno with error set. */
int image_named_write(int directory_fd, json_t *revisions, struct machine_error *error);

/** Whether one of the revisions names an image. */
bool image_named_has(json_t *revisions, const char *id);

#endif
