/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_READ_LOADER_INTERNAL_H
#define CONFIG_READ_LOADER_INTERNAL_H

#include "config/read/loader.h"

/** The maximum depth of nested includes. */
#define CONFIG_INCLUDE_DEPTH 10
/** The maximum number of files of one definition. */
#define CONFIG_SOURCES_MAXIMUM 200

/**
 * Merges the files that an `@include` names into a group. The path is relative to the directory of
 * the including file; with `*`, `?` or `[` it is a pattern as in glob(7) of any number of files,
 * sorted, none included. A missing file, a cycle and includes nested too deep are findings. 0 or
 * -errno.
 */
int config_include(struct config_loader *loader, const struct config_place *path,
                   struct config_node *group, struct machine_error *error);

#endif
