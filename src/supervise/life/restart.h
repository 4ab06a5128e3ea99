/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_LIFE_RESTART_H
#define SUPERVISE_LIFE_RESTART_H

#include <machine/machine.h>

/** The recent restarts of a machine. */
struct restart_history {
        uint64_t window_started; /* monotonic, microseconds */
        uint64_t in_window;      /* restarts since then */
        uint64_t in_a_row;       /* consecutive restarts after runs shorter than the window */
};

/** Returns whether the policy requires a restart after this exit status (128 + N for signal N). */
bool restart_is_wanted(const struct machine_life *life, int exit_status);

/**
 * Counts a restart and sets the delay before it: restart.delay, doubled for each consecutive
 * restart, up to restart.max_delay. `now` is monotonic, `ran_for` the duration of the last run.
 * Returns 0, or -EBUSY if the limit of restarts within the window is reached.
 */
int restart_next(const struct machine_life *life, struct restart_history *history, uint64_t now,
                 uint64_t ran_for, uint64_t *ret_delay);

#endif
