/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_SHOW_H
#define CONFIG_SHOW_H

#include <jansson.h>

#include <machine/machine.h>

#include "base/error.h"

/**
 * A machine as a definition would say it, under the format's own key names: an object with groups
 * as objects. With `defaults` every key that has a value, else those that the definition gives. 0
 * or -ENOMEM; the caller frees *ret.
 */
int config_machine_json(const struct machine *machine, bool defaults, json_t **ret);

/** Where each key of the definition stands: { "limits.memory": { "file": .., "line": .. } }. NULL
 * when memory is short. */
json_t *config_origins_json(const struct machine *machine);

/** A value of such an object in the syntax of definitions. NULL when memory is short; the caller
 * frees it. */
char *config_value_text(const json_t *value);

/**
 * A machine as the file that would say the same, each key with its place as a comment; relative
 * paths are absolute, so that the file means the same anywhere. With `defaults` those are there as
 * comments. NULL when memory is short; the caller frees it.
 */
char *config_machine_text(const struct machine *machine, bool defaults);

#endif
