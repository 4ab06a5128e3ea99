/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_FILL_H
#define CONFIG_FILL_H

#include <machine/machine.h>

#include "config/key.h"

/** From the tree to a struct, by a key table. */
struct config_fill {
        const struct config_table *table;
        struct diagnostics *diagnostics;
        struct machine_origin **origins; /* where to keep each key's place */
        size_t *origin_count;
};

/** Validates a tree and fills a struct, which holds the defaults. All findings are reported. 0 or
 * -ENOMEM. */
int config_fill(const struct config_fill *fill, const struct config_node *root, void *base);

/**
 * Reports a value that is not accepted: takes message (NULL: a general one) and hint (NULL: what
 * the kind accepts). -EINVAL, or -ENOMEM.
 */
int config_value_refuse(const struct config_value *value, const struct config_node *node,
                        char *message, char *hint);

/** Fills one element of a list of groups from a group, by the table of the key's elements. Findings
 * are reported. 0 or -ENOMEM. */
int config_fill_element(const struct config_value *value, const struct config_node *element,
                        void *base);

#endif
