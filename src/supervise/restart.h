/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_RESTART_H
#define SUPERVISE_RESTART_H

#include <machine/machine.h>

/** When a machine was restarted, as far as its window reaches back. */
struct restart_history {
        uint64_t window_started; /* monotonic, microseconds */
        uint64_t in_window;      /* restarts since then */
        uint64_t in_a_row;       /* restarts of which none ran for as long as the window */
};

/** Whether the policy asks for a restart after this exit status (128 + N for signal N). */
bool restart_is_wanted(const struct machine_life *life, int exit_status);

/**
 * How long to wait before the next restart: the delay of the definition, doubled for each restart
 * in a row, at most a minute. `now` is monotonic, `ran_for` how long the machine ran. -EBUSY when
 * the limit within the window is reached; the restart is counted otherwise.
 */
int restart_next(const struct machine_life *life, struct restart_history *history, uint64_t now,
                 uint64_t ran_for, uint64_t *ret_delay);

#endif
