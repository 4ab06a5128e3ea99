/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_OUTPUT_APPLICATION_H
#define CLI_OUTPUT_APPLICATION_H

#include <jansson.h>

#include "apply/apply.h"
#include "cli/common/cli.h"

/** Prints the plan of a run as a table; machines that nothing happens to are only counted, unless
 * `all`. */
int cli_print_plan(const struct cli *cli, const struct application *application, bool all,
                   struct machine_error *error);

/** The plan as JSON; NULL if out of memory. */
json_t *cli_plan_json(const struct application *application);

/** Adds the results of a run to the JSON of its plan. 0 or -ENOMEM. */
int cli_add_results(json_t *plan, const struct application *application);

/** Prints what was applied, newest first. */
int cli_print_history(const struct cli *cli, const struct source_store *store,
                      const struct source_record *record, struct machine_error *error);

/** Prints the sources of this host, with the revision that each machine runs. */
int cli_print_sources(const struct cli *cli, const char *source, struct machine_error *error);

#endif
