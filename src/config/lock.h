/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_LOCK_H
#define CONFIG_LOCK_H

#include <jansson.h>

#include "config/check/definition.h"

/* machines.lock, a file beside definitions, says which digest each name of an image stands for:
 *
 *   { "version": 1, "images": { "nginx:1.27": {
 *       "image": "docker.io/library/nginx@sha256:..", "digest": "sha256:..",
 *       "platform": "linux/amd64" } } }
 *
 * The names are those of the definitions, as they are written there. */

#define CONFIG_LOCK_FILE    "machines.lock"
#define CONFIG_LOCK_VERSION 1

/** Parses the text of a lock. what is for messages. Returns 0, or -EINVAL with error set; the
 * caller owns *ret. */
int config_lock_parse(const char *text, const char *what, json_t **ret,
                      struct machine_error *error);

/**
 * Replaces the image of a machine by the one that the lock beside its definition names, or the one
 * of the tree for a definition in hosts/NAME. Without a lock, or for an image with a digest,
 * nothing happens. An image that the lock lacks is a finding. Returns 0 or -errno with error set.
 */
int config_lock_apply(struct config_definition *definition, struct machine_error *error);

#endif
