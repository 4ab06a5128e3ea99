/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_LOADER_H
#define CONFIG_LOADER_H

#include "config/node.h"

/** From sources to one tree: each file is read by libconfig on its own, includes and layers are
 * merged here. */

/** All sources that took part; places in the tree point to them. */
struct config_loader {
        struct diagnostics *diagnostics;
        struct config_source **sources;
        size_t source_count;
        const struct config_source *open[16]; /* the chain of includes, outermost first */
        size_t open_count;
        size_t syntax_errors; /* sources of which only a part could be read */
};

/** Frees the sources of a loader. */
void config_loader_clear(struct config_loader *loader);

/** Keeps a source until the loader is cleared; takes ownership, also on failure. 0 or -ENOMEM (also
 * for NULL). */
int config_loader_keep(struct config_loader *loader, struct config_source *source);

/**
 * Reads a source, whose ownership it takes also on failure, with what it includes. What is wrong in
 * it goes to the loader's diagnostics; after a syntax error the tree holds what other files gave.
 * Returns 0, or -errno for a failure that is not the definition's.
 */
int config_loader_read(struct config_loader *loader, struct config_source *source,
                       struct config_node **ret, struct machine_error *error);

#endif
