/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_LIFE_RELOAD_H
#define SUPERVISE_LIFE_RELOAD_H

#include <stdbool.h>

#include <machine/machine.h>

#include "state/record.h"

/*
 * A supervisor follows a definition that changed only in what needs no restart. The new one is
 * stored in place of that of the start (state/store.h), and SIGHUP makes the supervisor read it:
 * later restarts, stops and health checks are according to it. The limits of the control group are
 * changed by whoever stored it.
 */

/**
 * Reads the stored definition of a machine. Returns 1 if it is not the given snapshot, with *ret
 * and *ret_snapshot, which the caller frees; 0 if it is; or -errno.
 */
int reload_read(const char *runtime_directory, const char *name, const char *snapshot,
                struct machine **ret, char **ret_snapshot);

/** Returns whether two machines have different health checks. */
bool reload_changes_health(const struct machine *a, const struct machine *b);

/** Moves everything that can change without a restart to a machine; `from` is only to be freed. */
void reload_take(struct machine *machine, struct machine *from);

/** Updates the record with the definition. Returns 0 or -ENOMEM. */
int reload_note(struct machine_record *record, const struct machine *machine, const char *digest);

#endif
