/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_KINDS_FILL_H
#define CONFIG_KINDS_FILL_H

#include <machine/machine.h>

#include "config/kinds/key.h"

/** Fills a struct from a tree by a key table. */
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
 * Reports an invalid value. Takes message (NULL: a generic one) and hint (NULL: what the kind
 * accepts). Returns -EINVAL or -ENOMEM.
 */
int config_value_refuse(const struct config_value *value, const struct config_node *node,
                        char *message, char *hint);

/** Fills an element of a list of groups by the table of the key's elements. Findings are reported.
 * 0 or -ENOMEM. */
int config_fill_element(const struct config_value *value, const struct config_node *element,
                        void *base);

#endif
