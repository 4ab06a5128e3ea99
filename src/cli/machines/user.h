/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_MACHINES_USER_H
#define CLI_MACHINES_USER_H

#include <machine/machine.h>

#include <stdbool.h>

#include "cli/common/cli.h"
#include "state/record.h"

/*
 * Machines of a user who is not root. Everything that builds, enters or removes them runs in his
 * own user namespace (security/user/user.h), which the calling process joins, or makes if no
 * machine of his is running. For root, and in a user namespace already, these functions do nothing.
 *
 * Call them after everything that needs the host's own ids: the system's or the user's bus refuses
 * uid 0 of a user namespace.
 */

/** Whether the runtime directory exists and belongs to the caller, whose machines it has. */
bool cli_is_of_user(const struct cli *cli);

/** Enters the namespace with all of the user's subordinate ids, for files of any machine; a user
 * without any gets one with his own id alone. Returns 0 or -errno with error set. */
int cli_enter_user(struct cli *cli, struct machine_error *error);

/** Enters the namespace that the definition of a machine asks for. Returns 0, or -errno with error
 * set: -ENOENT for a user without subordinate ids that it needs. */
int cli_enter_user_for(struct cli *cli, const struct machine *machine, struct machine_error *error);

/** Enters the namespace in which a machine runs. Returns 0 or -errno with error set. */
int cli_enter_user_of(struct cli *cli, const struct machine_record *record,
                      struct machine_error *error);

#endif
