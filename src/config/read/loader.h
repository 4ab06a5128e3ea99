/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_READ_LOADER_H
#define CONFIG_READ_LOADER_H

#include "config/read/node.h"

/** Builds one tree from several sources: libconfig parses each file separately, includes and layers
 * are merged here. */

/** All sources of a tree, whose places point to them. */
struct config_loader {
        struct diagnostics *diagnostics;
        struct config_trust trust;
        struct config_source **sources;
        size_t source_count;
        const struct config_source *open[16]; /* the chain of includes, outermost first */
        size_t open_count;
        size_t syntax_errors; /* sources that could be read only in part */
};

/** Frees the sources of a loader. */
void config_loader_clear(struct config_loader *loader);

/** Keeps a source until the loader is cleared. Takes ownership, even on failure. 0 or -ENOMEM (also
 * for NULL). */
int config_loader_keep(struct config_loader *loader, struct config_source *source);

/**
 * Reads a source with its includes. Takes ownership of it, even on failure. Errors in the
 * definition go to the loader's diagnostics; after a syntax error the tree holds only the contents
 * of other files. Returns 0, or -errno for other failures.
 */
int config_loader_read(struct config_loader *loader, struct config_source *source,
                       struct config_node **ret, struct machine_error *error);

#endif
