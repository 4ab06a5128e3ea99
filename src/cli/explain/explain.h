/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_EXPLAIN_EXPLAIN_H
#define CLI_EXPLAIN_EXPLAIN_H

#include <jansson.h>

#include <machine/machine.h>

#include "cli/common/cli.h"
#include "state/record.h"

/** The start of a machine as JSON: its steps in order, each with its words and the settings that it
 * follows. NULL if out of memory; the caller frees it. */
json_t *explain_start(const struct cli *cli, const struct machine *machine);

/** Prints that for people. */
void explain_print_start(const json_t *start);

/** Explains a running machine as JSON, from /proc and the kernel. For a user after
 * cli_enter_user_of(). Returns 0 or -errno with error set; the caller frees *ret. */
int explain_running(const struct cli *cli, const struct machine_record *record, json_t **ret,
                    struct machine_error *error);

/** Prints that for people. */
void explain_print_running(const json_t *running);

#endif
