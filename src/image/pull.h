/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_PULL_H
#define IMAGE_PULL_H

#include "image/registry.h"
#include "image/session.h"

struct pull_options {
        const char *reference;
        const char *registries; /* settings file, or NULL */
        bool insecure;
};

/** One image that is in the store now. */
typedef void (*pull_report)(const char *id, char *const *references, void *data);

/** Fetches an image: manifest, config, and the layers that the store lacks. 0 or -errno. */
int pull(struct session *session, const struct pull_options *options, pull_report report,
         void *data, struct machine_error *error);

/* ---- blobs.c ---- */

/** How many blobs are fetched at once. */
#define BLOBS_FETCHED_AT_ONCE 6

/**
 * Brings all layers of an image into the store: fetches what is lacking, verifies it and unpacks it
 * meanwhile. What was finished is kept also where something else fails. 0 or -errno.
 */
int blobs_fetch(struct session *session, struct registry *registry, const struct manifest *manifest,
                const struct config *config, struct machine_error *error);

#endif
