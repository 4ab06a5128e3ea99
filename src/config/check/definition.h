/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_CHECK_DEFINITION_H
#define CONFIG_CHECK_DEFINITION_H

#include <machine/machine.h>

#include "config/diagnostics/diagnostics.h"
#include "config/read/loader.h"

/** A machine with the tree it was read from, so that findings can refer to its files. */
struct config_definition {
        struct config_loader loader;
        struct config_node *tree;
        struct machine *machine;
        struct diagnostics *diagnostics;
        char **directories; /* the directories searched for it and its drop-ins */
        bool template;      /* read for its own sake, not as an instance */
        size_t position;    /* among the definitions checked together, set by the caller */
};

/** Frees a definition and its machine. NULL is allowed. */
void config_definition_free(struct config_definition *definition);

DEFINE_CLEANUP(struct config_definition *, config_definition_free, cleanup_config_definition)
#define _cleanup_config_definition_ _cleanup_(cleanup_config_definition)

/** The place of a key's value, or of one element of a list (index SIZE_MAX: the value). A key that
 * is not set has the place of the whole definition. */
struct config_place config_definition_place(const struct config_definition *definition,
                                            const char *key, size_t index);

/** Whether the definition sets a key. */
bool config_definition_gives(const struct config_definition *definition, const char *key);

#endif
