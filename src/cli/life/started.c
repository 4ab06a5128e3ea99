/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/life/started.h"

#include "base/cleanup.h"
#include "config/snapshot.h"

json_t *cli_started_settings(const struct state_store *store, const char *name)
{
        _cleanup_free_ char *snapshot = NULL;

        return state_load_definition(store, name, &snapshot) == 0
                       ? config_snapshot_settings(snapshot)
                       : NULL;
}
