/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_STOPPING_H
#define CLI_STOPPING_H

#include "cli/machines.h"

/**
 * Stops machines and waits until their supervisors have undone all that the starts made: in order,
 * or with `now` at once. All at the same time, except that a machine waits for those among them
 * that require it. One that does not run is fine. A failure does not keep the others: those before
 * the last are printed. ret_failed, which may be NULL, gets the names of those that failed (NULL:
 * none); the caller frees it. 0, or the last error filled.
 */
int cli_stop_machines(struct cli *cli, const struct state_store *store, char *const *names,
                      bool now, char ***ret_failed, struct machine_error *error);

#endif
