/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_ARCHIVE_LOAD_INTERNAL_H
#define IMAGE_ARCHIVE_LOAD_INTERNAL_H

#include "image/archive/bundle.h"
#include "image/archive/load.h"

/* Shared by the kinds of archives. */

struct loading_layer {
        struct unpacking unpacking;
        const char *diff_id; /* expected, or NULL */
        int item;
        bool present; /* in the store already: nothing to do or to undo */
};

struct loading {
        struct session *session;
        struct loading_layer *layers; /* room for all layers of the image */
        size_t count;                 /* layers started */
        size_t ended;                 /* layers whose worker has ended */
        char **diff_ids;              /* of layers that were written anew with one owner */
};

/** Waits for a free worker, starts to unpack a layer, and verifies the blob's digest (unless NULL).
 * Returns 0 or -errno. */
int loading_add_layer(struct loading *loading, const struct bundle_file *file, const char *digest,
                      const char *diff_id, struct machine_error *error);

/** Verifies the digest of a blob, while a worker unpacks it. Returns 0 or -errno. */
int loading_verify_blob(const struct bundle_file *file, const char *digest,
                        struct machine_error *error);

/**
 * With one owner: unpacks a layer, all of whose files then belong to root, and writes it as a tar
 * again, in a temporary file that *ret describes and the caller closes. Its diff id is appended to
 * loading->diff_ids. Returns 0 or -errno.
 */
int loading_give_away(struct loading *loading, const struct bundle_file *file, const char *digest,
                      const char *diff_id, struct bundle_file *ret, struct machine_error *error);

/** With one owner: replaces the diff ids of a config by those of the layers that were written.
 * Returns 0 or -errno. */
int loading_rewrite_config(const struct loading *loading, char **text, size_t *length,
                           struct config *config, struct machine_error *error);

/** Waits for all workers and publishes the layers. Returns 0 or -errno. */
int loading_finish(struct loading *loading, struct machine_error *error);

/** Adds the image, whose layers are published, to the store and reports it. Returns 0 or -errno. */
int loading_record(struct session *session, const struct new_image *image, load_report report,
                   void *data, struct machine_error *error);

void loading_clear(struct loading *loading);
#define _cleanup_loading_ _cleanup_(loading_clear)

/** Appends the full form of a name. Returns 0 or -errno. */
int loading_name(const char *text, char ***references, struct machine_error *error);

/** Reports that the archive has no name and the user gave none. Returns -EINVAL. */
int loading_no_name(const char *what, struct machine_error *error);

int load_docker(struct session *session, const struct bundle *bundle,
                const struct load_options *options, load_report report, void *data,
                struct machine_error *error);
int load_layout(struct session *session, const struct bundle *bundle,
                const struct load_options *options, load_report report, void *data,
                struct machine_error *error);

#endif
