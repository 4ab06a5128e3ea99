/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_MACHINES_IMAGE_PROGRAM_H
#define CLI_MACHINES_IMAGE_PROGRAM_H

#include "cli/common/cli.h"

/** Passes on the options of the program that the image program needs. Returns 0 or -ENOMEM; the
 * caller frees *ret, to which the verb and its arguments are added. */
int cli_image_arguments(const struct cli *cli, char ***ret);

#endif
