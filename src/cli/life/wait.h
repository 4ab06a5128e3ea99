/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_LIFE_WAIT_H
#define CLI_LIFE_WAIT_H

#include "state/record.h"
#include "state/store.h"

struct machine_error;

/** Waits until the supervisor of a machine has exited. */
int cli_wait_for_end(const struct machine_record *record, struct machine_error *error);

/**
 * Waits until a machine that is being started by another command is ready. Returns 1; 0 if it has
 * stopped running; -EBUSY with error set if it is paused; or another -errno.
 */
int cli_wait_until_ready(const struct state_store *store, const char *name,
                         struct machine_error *error);

#endif
