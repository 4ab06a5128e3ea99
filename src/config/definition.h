/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_DEFINITION_H
#define CONFIG_DEFINITION_H

#include "config/config.h"
#include "config/loader.h"

/** A machine with the tree it was read from, so that findings can point into its files. */
struct config_definition {
        struct config_loader loader;
        struct config_node *tree;
        struct machine *machine;
        struct diagnostics *diagnostics;
        size_t position; /* among those that are checked together, set by the caller */
};

/**
 * Opens a definition as config_load() does, and keeps the tree. Where the definition has errors
 * this returns 0 all the same, with the machine as far as it could be filled: diagnostics tell. The
 * caller frees it with config_definition_free().
 */
int config_definition_open(const char *name_or_path, const struct config_options *options,
                           struct diagnostics *diagnostics, struct config_definition **ret,
                           struct machine_error *error);

/** Frees a definition and its machine. NULL is allowed. */
void config_definition_free(struct config_definition *definition);

DEFINE_CLEANUP(struct config_definition *, config_definition_free, cleanup_config_definition)
#define _cleanup_config_definition_ _cleanup_(cleanup_config_definition)

/** Where a key's value stands, or that of one element of a list (index SIZE_MAX: the value); what
 * is not given has the place of the whole definition. */
struct config_place config_definition_place(const struct config_definition *definition,
                                            const char *key, size_t index);

/** Whether the definition gives a key. */
bool config_definition_gives(const struct config_definition *definition, const char *key);

#endif
