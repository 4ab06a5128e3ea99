/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_LIFE_START_H
#define CLI_LIFE_START_H

#include "cli/machines/definition.h"
#include "supervise/life/supervisor.h"

/**
 * Starts machines and the machines they require in the background, in parallel as far as `requires`
 * and `after` allow. Running machines are left alone. On hosts running systemd, machines given by
 * name are started through their units. Without arguments (NULL), starts one machine that consists
 * of the settings. Failures are printed and do not keep other machines from being started. Returns
 * 0, or -errno with the last error set.
 */
int cli_start_machines(struct cli *cli, char *const *arguments, const struct cli_settings *settings,
                       struct machine_error *error);

/**
 * Checks with launch_rehearse() that machines, running or not, and stopped machines that they
 * require could start. Failures are printed. Returns 0, or -errno with the last error set.
 */
int cli_rehearse_machines(struct cli *cli, char *const *arguments,
                          const struct cli_settings *settings, struct machine_error *error);

/** Like cli_rehearse_machines() for one machine, which must not be used afterwards. */
int cli_rehearse_machine(const struct cli *cli, struct machine *machine,
                         struct machine_error *error);

/** Returns the options of a supervisor as given by this command line. */
struct supervisor_options cli_supervisor_options(const struct cli *cli);

#endif
