/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_LIFE_STOP_H
#define CLI_LIFE_STOP_H

#include "cli/machines/machines.h"

/**
 * Stops machines, with `now` by killing them, and waits until their supervisors have cleaned up.
 * Machines are stopped in parallel, but each waits for those that require it. Stopped machines are
 * ignored. Failures do not keep other machines from being stopped; all but the last are printed.
 * *ret_failed becomes the names of those that failed, or NULL; the caller frees it, and ret_failed
 * may be NULL. Returns 0, or -errno with the last error set.
 */
int cli_stop_machines(struct cli *cli, const struct state_store *store, char *const *names,
                      bool now, char ***ret_failed, struct machine_error *error);

/**
 * Adds the running machines that require one of the machines to be stopped, or share its network,
 * transitively, and prints a notice for each. Returns 0 or -errno.
 */
int cli_add_dependents(struct cli *cli, const struct state_store *store, char ***names,
                       struct machine_error *error);

#endif
