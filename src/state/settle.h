/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STATE_SETTLE_H
#define STATE_SETTLE_H

#include <machine/machine.h>

#include "state/store.h"

/** When a start that began at `begun` (log_now()) has failed if the machine is not ready, and
 * healthy if it has a check; 0: never. */
uint64_t settle_deadline(const struct machine *machine, uint64_t begun);

/**
 * Looks whether a machine that was started at `begun` is as it should be: healthy, if it has a
 * check; ready; otherwise up for half a second; or, of a job, done. Returns 1 if it is, 0 if that
 * is not known yet, with *deadline set to the time at which to look again, or -errno with error
 * set.
 */
int settle_look(const struct state_store *store, const struct machine *machine, const char *name,
                uint64_t begun, uint64_t *deadline, struct machine_error *error);

#endif
