/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_MACHINES_IMAGE_PROGRAM_H
#define CLI_MACHINES_IMAGE_PROGRAM_H

#include "cli/common/cli.h"

/** Passes on the options of the program that the image program needs. Returns 0 or -ENOMEM; the
 * caller frees *ret, to which the verb and its arguments are added. */
int cli_image_arguments(const struct cli *cli, char ***ret);

/** Takes an option of a verb for the image program; data points to a list of strings. */
int cli_pass_option(const struct cli_option *option, const char *value, void *data,
                    struct machine_error *error);

/** Becomes the image program, with the options that cli_pass_option() has taken and the arguments
 * of a verb. Returns only on failure: -errno with error set. */
int cli_run_image_verb(struct cli *cli, const struct verb *verb, char *const *given, int argc,
                       char **argv, struct machine_error *error);

/** Fails with -EBUSY if a machine is running, which would change its root while it is read. */
int cli_check_stopped(const struct cli *cli, const char *name, struct machine_error *error);

#endif
