/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_MACHINES_OWN_H
#define CLI_MACHINES_OWN_H

#include <jansson.h>

#include "cli/common/cli.h"

/* Verbs that consist of other verbs run them as commands of their own, with the same directories:
 * some enter the user namespace of a user, some control units, and a process can do only one. */

/**
 * Runs this program with a verb and its arguments. Its messages are printed. *ret_output, unless
 * NULL, becomes its standard output, at most 64 KiB, which is discarded otherwise; the caller frees
 * it. Returns its exit status, or -errno with error set.
 */
int cli_run_own(const struct cli *cli, const char *const *arguments, char **ret_output,
                struct machine_error *error);

/** The same for a verb that prints JSON. Returns 0 with *ret set, or -errno with error set; `what`
 * failed is for it. */
int cli_ask_own(const struct cli *cli, const char *const *arguments, const char *what, json_t **ret,
                struct machine_error *error);

#endif
