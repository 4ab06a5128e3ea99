/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_COMMON_DIRECTORIES_H
#define CLI_COMMON_DIRECTORIES_H

#include <machine/error.h>

#include "cli/common/cli.h"

/**
 * Sets the directories from the environment: root's are the host's, a user's are his own, below
 * $XDG_RUNTIME_DIR, $XDG_DATA_HOME, $XDG_STATE_HOME and $XDG_CONFIG_HOME or their defaults.
 * Without a runtime directory of the session, as with su or cron, it is /run/user/UID if that is
 * his, else /tmp/machinectl-lite-UID, which is created (0700). Returns 0, or -errno with error set,
 * as for one that belongs to somebody else.
 */
int cli_set_directories(struct cli_directories *directories, struct machine_error *error);

#endif
