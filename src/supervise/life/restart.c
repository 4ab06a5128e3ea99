/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/life/restart.h"

#include <errno.h>

bool restart_is_wanted(const struct machine_life *life, int exit_status)
{
        switch (life->restart) {
        case MACHINE_RESTART_ALWAYS:
                return true;
        case MACHINE_RESTART_ON_FAILURE:
                return exit_status != 0;
        case MACHINE_RESTART_NO:
                break;
        }
        return false;
}

/* A restart_delay above restart_max_delay is not shortened. */
static uint64_t back_off(const struct machine_life *life, uint64_t in_a_row)
{
        uint64_t delay = life->restart_delay;
        uint64_t maximum = life->restart_max_delay > delay ? life->restart_max_delay : delay;

        while (in_a_row-- > 0 && delay > 0 && delay < maximum) {
                delay = delay > maximum / 2 ? maximum : delay * 2;
        }
        return delay;
}

int restart_next(const struct machine_life *life, struct restart_history *history, uint64_t now,
                 uint64_t ran_for, uint64_t *ret_delay)
{
        if (now - history->window_started >= life->restart_window) {
                history->window_started = now;
                history->in_window = 0;
        }
        if (history->in_window >= life->restart_limit) {
                return -EBUSY;
        }
        if (ran_for >= life->restart_window) {
                history->in_a_row = 0;
        }
        *ret_delay = back_off(life, history->in_a_row);
        history->in_window++;
        history->in_a_row++;
        return 0;
}
