/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_MACHINES_MACHINES_H
#define CLI_MACHINES_MACHINES_H

#include "cli/common/cli.h"
#include "launch/launch.h"
#include "state/store.h"

/** Gets the name of a machine that is given by name or by path. The caller frees *ret. Returns 0,
 * -EINVAL with a usage error, or -EEXIST if the machine of that name belongs to another file. */
int cli_machine_name(const struct cli *cli, const struct verb *verb, const char *argument,
                     char **ret, struct machine_error *error);

/** Checks that the machine of that name and its data belong to the definition (NULL: defined on the
 * command line). Returns 0, or -EEXIST with an error that names both. */
int cli_check_owner(const struct cli *cli, const struct state_store *store, const char *name,
                    const char *definition, struct machine_error *error);

/** Returns whether the search path has a definition of that name. */
bool cli_has_definition(const struct cli *cli, const char *name);

/** Finds the absolute path of a definition given by name or path. Returns 0, or -errno without an
 * error; the caller frees *ret. */
int cli_find_definition(const struct cli *cli, const char *name_or_path, char **ret);

/** The directories as launch takes them. Borrowed. */
struct launch_directories cli_launch_directories(const struct cli *cli);

/** Opens the store of machine records. */
int cli_open_store(const struct cli *cli, struct state_store *ret, struct machine_error *error);

/** Gets the current record of a machine. Fails with an error of kind NO_INPUT if there is none. */
int cli_find_machine(const struct state_store *store, const char *name, struct machine_record *ret,
                     struct machine_error *error);

/** Like cli_find_machine(), but fails unless the machine is running or paused. *ret_init becomes a
 * pidfd of its first process; ret_init may be NULL. */
int cli_find_running(const struct state_store *store, const char *name, struct machine_record *ret,
                     int *ret_init, struct machine_error *error);

/** Fails with -EBUSY if the machine is paused. */
int cli_refuse_paused(const struct machine_record *record, struct machine_error *error);

#endif
