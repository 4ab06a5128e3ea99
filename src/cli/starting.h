/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_STARTING_H
#define CLI_STARTING_H

#include "cli/definition.h"
#include "supervise/supervisor.h"

/**
 * Starts machines, and before them those that they require, in the background: all that can be
 * started at once together, the rest as what they wait for becomes ready. One that runs is fine.
 * Where systemd runs the host, a name in the usual directories is started through its unit. A
 * failure is printed and does not keep others from being started; 0, or the last error filled.
 * Without arguments (NULL) it is one machine, which the settings tell.
 */
int cli_start_machines(struct cli *cli, char *const *arguments, const struct cli_settings *settings,
                       struct machine_error *error);

/** What a supervisor is told of this command line. */
struct supervisor_options cli_supervisor_options(const struct cli *cli);

#endif
