/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_LIFE_REMOVE_H
#define CLI_LIFE_REMOVE_H

#include "cli/machines/machines.h"

/** Checks that a machine's layer can be removed. Returns 0, or -EXDEV with error set if something
 * is mounted in it. */
int cli_check_removable(const struct cli *cli, const char *name, struct machine_error *error);

/**
 * Removes a stopped machine: the remains of a crashed start, its addresses, writable layer, logs
 * and record. *ret_found is whether it had a record or a layer. Returns 0, or -errno with error
 * set: -EBUSY if the machine is running.
 */
int cli_remove_machine(struct cli *cli, const struct state_store *store, const char *name,
                       bool *ret_found, struct machine_error *error);

#endif
