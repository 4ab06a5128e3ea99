/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_KEYS_SCHEMA_H
#define CONFIG_KEYS_SCHEMA_H

#include <jansson.h>

#include "config/kinds/key.h"

/** The JSON Schema (2020-12) of a format: of a definition whose groups are objects and whose lists
 * and arrays are arrays. NULL when memory is short. */
json_t *config_schema(const struct config_table *table);

/** The keys of a format as an mdoc(7) list for the manual page. NULL when memory is short; the
 * caller frees it. */
char *config_manual(const struct config_table *table);

/** The full names of all keys for completions, one per line. A key with a fixed set of values is
 * followed by them, separated by blanks. NULL when memory is short; the caller frees it. */
char *config_key_list(const struct config_table *table);

/** Makes the table of .pod files. 0 or -ENOMEM; the caller clears *ret. */
int config_pod_table(struct config_table *ret);
void config_pod_table_clear(struct config_table *table);

#endif
