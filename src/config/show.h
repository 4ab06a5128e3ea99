/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_SHOW_H
#define CONFIG_SHOW_H

#include <jansson.h>

#include <machine/machine.h>

#include "base/error.h"

struct config_definition;

/**
 * A machine as a JSON object under the key names of the format, groups as objects. With `defaults`
 * it has every key with a value, otherwise only those that the definition sets. 0 or -ENOMEM; the
 * caller frees *ret.
 */
int config_machine_json(const struct machine *machine, bool defaults, json_t **ret);

/** The place of each key of the definition: { "limits.memory": { "file": .., "line": .. } }. NULL
 * when memory is short. */
json_t *config_origins_json(const struct machine *machine);

/** A value of such an object in definition syntax. NULL when memory is short; the caller frees it.
 */
char *config_value_text(const json_t *value);

/**
 * A machine as an equivalent definition, each key with its place as a comment. Paths are absolute,
 * so that the file can be moved. With `defaults`, default values are included as comments. NULL
 * when memory is short; the caller frees it.
 */
char *config_machine_text(const struct machine *machine, bool defaults);

/** The files that a definition consists of, in the order in which they were read, each after a
 * comment with its path. NULL when memory is short. The caller frees it. */
char *config_files_text(const struct config_definition *definition);

#endif
