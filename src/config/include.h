/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_INCLUDE_H
#define CONFIG_INCLUDE_H

#include "config/loader.h"

/** How many files may include each other in a chain. */
#define CONFIG_INCLUDE_DEPTH 10
/** How many files one definition may be made of. */
#define CONFIG_SOURCES_MAXIMUM 200

/**
 * Merges the files that an `@include` names into a group. The path is relative to the directory of
 * the file that declares it; with `*`, `?` or `[` it is a pattern as in glob(7) of any number of
 * files, sorted, none included. A file that is not there, a cycle and a chain too long are
 * findings. 0 or -errno.
 */
int config_include(struct config_loader *loader, const struct config_place *path,
                   struct config_node *group, struct machine_error *error);

#endif
