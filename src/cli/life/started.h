/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_LIFE_STARTED_H
#define CLI_LIFE_STARTED_H

#include <jansson.h>

#include "state/store.h"

/** The definition of a machine at its start under the key names of the format, or NULL: only root,
 * or the user whose machine it is, can read it, because it may contain secrets. The caller frees
 * it. */
json_t *cli_started_settings(const struct state_store *store, const char *name);

#endif
