/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_MACHINES_H
#define CLI_MACHINES_H

#include <jansson.h>

#include "cli/cli.h"
#include "state/store.h"

/** The name of a machine that is given by name or by the path of its file. The caller frees *ret.
 *  0, or -EINVAL with a usage error. */
int cli_machine_name(const struct verb *verb, const char *argument, char **ret,
                     struct machine_error *error);

/** Whether the search path has a definition of that name. */
bool cli_has_definition(const struct cli *cli, const char *name);

/** Opens the store of machines of this command line. */
int cli_open_store(const struct cli *cli, struct state_store *ret, struct machine_error *error);

/** The record of a machine as it is true now; where there is none, an error of kind NO_INPUT. */
int cli_find_machine(const struct state_store *store, const char *name, struct machine_record *ret,
                     struct machine_error *error);

/** The same for a machine that has to be running or paused; ret_init is a pidfd of its first
 *  process, may be NULL. */
int cli_find_running(const struct state_store *store, const char *name, struct machine_record *ret,
                     int *ret_init, struct machine_error *error);

/** Waits until the supervisor of a machine has ended. */
int cli_wait_for_end(const struct machine_record *record, struct machine_error *error);

/** Prints JSON as --json asks for it and frees it. 0 or -ENOMEM (also for NULL). */
int cli_print_json(const struct cli *cli, json_t *value, struct machine_error *error);

/** A point in time as people read it, "Mon 2026-01-05 10:00:00 UTC", or NULL for 0. */
char *cli_format_timestamp(uint64_t usec);

/**
 * The machines that a command line names, or with `all` all that have a record. 0 or -errno; the
 * caller frees *ret, which is NULL for no machine.
 */
int cli_machine_names(const struct verb *verb, const struct state_store *store,
                      char *const *arguments, bool all, char ***ret, struct machine_error *error);

/**
 * Does something for each machine named on the command line, or with `all` for each that has a
 * record. A failure is printed and does not keep the others from their turn; 0, or the last error
 * filled when any failed.
 */
int cli_for_each_machine(struct cli *cli, const struct verb *verb, char *const *arguments, bool all,
                         int (*act)(struct cli *cli, const struct state_store *store,
                                    const char *name, void *data, struct machine_error *error),
                         void *data, struct machine_error *error);

#endif
