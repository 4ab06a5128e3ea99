/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_TRANSFER_KEEP_H
#define IMAGE_TRANSFER_KEEP_H

#include "image/store/original.h"
#include "image/transfer/remote.h"

struct session;

/* Blobs as a registry has them, neither unpacked nor packed: for copies of images. */

/** Fetches a blob into a file that is empty, and verifies it. Returns 0 or -errno. */
int blob_fetch(struct session *session, struct registry *registry,
               const struct descriptor *descriptor, int fd, struct machine_error *error);

/** Keeps the blobs of the manifest that are not kept yet. Returns 0 or -errno. */
int keep_blobs(struct session *session, struct registry *registry, const struct manifest *manifest,
               struct machine_error *error);

/** Keeps the manifests, configs and layers of every entry of the index that the name points to,
 * each of which the host's policy must accept. Returns 0 or -errno. */
int keep_platforms(struct session *session, struct remote *remote, struct machine_error *error);

#endif
