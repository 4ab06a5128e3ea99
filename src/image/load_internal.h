/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_LOAD_INTERNAL_H
#define IMAGE_LOAD_INTERNAL_H

#include "image/bundle.h"
#include "image/load.h"

/* What the kinds of archive share. */

struct loading_layer {
        struct unpacking unpacking;
        const char *diff_id; /* expected, or NULL */
        int item;
        bool present; /* nothing is left to do or to undo */
};

struct loading {
        struct session *session;
        struct loading_layer *layers; /* room for all layers of the image */
        size_t count;                 /* layers begun */
        size_t ended;                 /* layers whose worker has ended */
};

/** Begins to unpack a layer and verifies the blob's digest (or NULL). 0 or -errno. */
int loading_add_layer(struct loading *loading, const struct bundle_file *file, const char *digest,
                      const char *diff_id, struct machine_error *error);

/** Ends workers: so that another can be started, or all. 0 or -errno. */
int loading_wait(struct loading *loading, bool all, struct machine_error *error);

/** Makes all layers visible. */
int loading_publish(struct loading *loading, struct machine_error *error);

void loading_clear(struct loading *loading);
#define _cleanup_loading_ _cleanup_(loading_clear)

/** Appends a name in full. 0 or -errno. */
int loading_name(const char *text, char ***references, struct machine_error *error);

/** There is no name, and none was given. Returns -EINVAL. */
int loading_no_name(const char *what, struct machine_error *error);

int load_docker(struct session *session, const struct bundle *bundle,
                const struct load_options *options, load_report report, void *data,
                struct machine_error *error);
int load_layout(struct session *session, const struct bundle *bundle,
                const struct load_options *options, load_report report, void *data,
                struct machine_error *error);

#endif
