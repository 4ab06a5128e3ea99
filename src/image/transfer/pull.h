/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TRANSFER_PULL_H
#define IMAGE_TRANSFER_PULL_H

#include "image/store/session.h"
#include "image/transfer/remote.h"

/** Called for each fetched image. */
typedef void (*pull_report)(const char *id, char *const *references, void *data);

struct pull_options {
        struct remote_options remote;
        bool keep_blobs;    /* for push and save */
        bool all_platforms; /* the blobs of every platform are kept; one is unpacked */
};

/** Pulls an image: manifest, config, and the layers that the store lacks. Returns 0 or -errno. */
int pull(struct session *session, const struct pull_options *options, pull_report report,
         void *data, struct machine_error *error);

/* ---- blobs.c ---- */

/** The number of blobs fetched at the same time. */
#define BLOBS_FETCHED_AT_ONCE 6

/**
 * Adds all layers of an image to the store: fetches and verifies the missing ones, and unpacks them
 * in the meantime. Completed layers are kept even if another fails. keep: the blobs as well, see
 * store/original.h. Returns 0 or -errno.
 */
int blobs_fetch(struct session *session, struct registry *registry, const struct manifest *manifest,
                const struct config *config, bool keep, struct machine_error *error);

#endif
