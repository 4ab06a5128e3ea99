/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_SNAPSHOT_H
#define CONFIG_SNAPSHOT_H

#include <jansson.h>

#include <machine/machine.h>

#include "base/error.h"

/**
 * A definition as it was when a machine started, kept so that its file can be compared with it
 * later: JSON text with every key that has a value, defaults included, and the places of those that
 * were given. It may hold secrets, as the definition may.
 */

/** 16 hexadecimal digits and a NUL. */
#define CONFIG_DIGEST_SIZE 17

/** The snapshot of a machine that was just loaded, before an image has added to it. NULL when
 *  memory is short; the caller frees it. */
char *config_snapshot(const struct machine *machine);

/**
 * The digest of what a definition says: equal for files that say the same, whatever their comments,
 * includes and places. Not one that an adversary could not meet. 0 or -ENOMEM.
 */
int config_digest(const struct machine *machine, char ret[static CONFIG_DIGEST_SIZE]);

/** The settings of a snapshot under the format's own key names. NULL where the text is none; the
 *  caller frees it. */
json_t *config_snapshot_settings(const char *snapshot);

/**
 * What differs between a snapshot and a machine that was loaded now: an array of objects "key",
 * "old" and "new" (null where there is no value), "old_place" and "new_place" ({ "file", "line" },
 * null where a default holds), in the order of the format's keys. 0, -ENOMEM, or -EBADMSG where the
 * text is no snapshot. The caller frees *ret.
 */
int config_differences(const char *snapshot, const struct machine *machine, json_t **ret);

#endif
