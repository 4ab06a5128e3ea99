/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_ATTACH_H
#define SUPERVISE_ATTACH_H

#include "state/store.h"
#include "supervise/output/keys.h"

/** How attaching to a terminal ended. */
enum attach_end {
        ATTACH_ENDED,    /* this run of the machine is over, or its supervisor has let go */
        ATTACH_DETACHED, /* by the keys */
};

/**
 * Connects standard input and output to the terminal of a machine that runs in the background,
 * until it ends, the keys are typed, or a signal asks this process to end (128 + its number).
 * Returns an enum attach_end or that, -ENOENT without an error for a machine without a terminal, or
 * another -errno with error set.
 */
int attach_to_terminal(const struct state_store *store, const char *name, struct keys *keys,
                       struct machine_error *error);

#endif
