/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <jansson.h>

#include "config/key.h"

/** The JSON Schema (2020-12) of a format: of a definition whose groups are objects and whose lists
 * and arrays are arrays. NULL when memory is short. */
json_t *config_schema(const struct config_table *table);

/** The keys of a format as the part of a manual page in mdoc(7) that lists them. NULL when memory
 * is short; the caller frees it. */
char *config_manual(const struct config_table *table);

/** The full names of all keys, one per line, followed after a blank by the values that a key may
 * have where they are a few words: for completions. NULL when memory is short; the caller frees it.
 */
char *config_key_list(const struct config_table *table);

#endif
