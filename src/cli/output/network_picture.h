/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_OUTPUT_NETWORK_PICTURE_H
#define CLI_OUTPUT_NETWORK_PICTURE_H

#include <jansson.h>

#include "cli/common/cli.h"

/** The result of the checks of one machine of a network, both of network_report(): "ok", "stopped",
 * "no link", .. */
const char *network_judge(const json_t *network, const json_t *machine);

/** Draws who reaches whom on a network of network_report(), whose machines may have `shared_by`,
 * the names of those that share their network. */
void network_picture_print(const struct cli *cli, const json_t *network);

#endif
