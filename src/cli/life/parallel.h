/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_LIFE_PARALLEL_H
#define CLI_LIFE_PARALLEL_H

#include "cli/machines/selection.h"

/**
 * Like cli_for_each_machine(), for what takes long: acts on several machines at a time, each in a
 * process of its own. What these print is printed in the order of the machines.
 */
int cli_for_each_machine_in_parallel(struct cli *cli, const struct verb *verb,
                                     char *const *arguments, const struct cli_selection *selection,
                                     int (*act)(struct cli *cli, const struct state_store *store,
                                                const char *name, void *data,
                                                struct machine_error *error),
                                     void *data, struct machine_error *error);

#endif
