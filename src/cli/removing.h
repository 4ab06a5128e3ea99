/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_REMOVING_H
#define CLI_REMOVING_H

#include "cli/machines.h"

/**
 * Removes all that a machine made and that outlives it: what a crashed start left, its addresses,
 * its writable layer, its logs and its record. *ret_found is whether there was a record or a layer.
 * 0, or -errno with the error filled: -EBUSY for a machine that runs.
 */
int cli_remove_machine(struct cli *cli, const struct state_store *store, const char *name,
                       bool *ret_found, struct machine_error *error);

#endif
