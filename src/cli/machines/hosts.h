/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_MACHINES_HOSTS_H
#define CLI_MACHINES_HOSTS_H

#include "cli/common/cli.h"

/** Checks a directory for `apply` as each of its hosts sees it, and as one without files of its own
 * does. Findings are printed below the host's name. Returns the exit status, or -errno with error
 * set. */
int cli_check_hosts(const struct cli *cli, const char *directory, bool strict,
                    struct machine_error *error);

#endif
