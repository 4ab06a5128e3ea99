/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_SNAPSHOT_H
#define CONFIG_SNAPSHOT_H

#include <jansson.h>

#include <machine/machine.h>

#include "base/error.h"

/**
 * A machine's definition at the time of its start, kept to compare the file with it later: JSON
 * text with every key that has a value, including defaults, and the places of the keys that were
 * set. Like the definition, it may contain secrets.
 */

/** 16 hexadecimal digits and a NUL. */
#define CONFIG_DIGEST_SIZE 17

/** The snapshot of a machine that was just loaded, before its image provides defaults. NULL when
 * memory is short; the caller frees it. */
char *config_snapshot(const struct machine *machine);

/**
 * The digest of a definition's values, independent of comments, includes and places. Not collision
 * resistant. 0 or -ENOMEM.
 */
int config_digest(const struct machine *machine, char ret[static CONFIG_DIGEST_SIZE]);

/** The settings of a snapshot under the key names of the format. NULL if the text is not a
 * snapshot; the caller frees it. */
json_t *config_snapshot_settings(const char *snapshot);

/** The place of each key that was set, as config_origins_json() has it. NULL if the text is not a
 * snapshot; the caller frees it. */
json_t *config_snapshot_origins(const char *snapshot);

/**
 * The differences between a snapshot and a machine: an array of objects "key", "old" and "new"
 * (null if there is no value), "old_place" and "new_place" ({ "file", "line" }, null for defaults),
 * in the order of the format's keys. 0, -ENOMEM, or -EBADMSG if the text is not a snapshot. The
 * caller frees *ret.
 */
int config_differences(const char *snapshot, const struct machine *machine, json_t **ret);

#endif
