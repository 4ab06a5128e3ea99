/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/restart.h"

#include <errno.h>

#include "base/quantity.h"

#define DELAY_MAXIMUM (60 * USEC_PER_SEC)

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

static uint64_t back_off(uint64_t delay, uint64_t in_a_row)
{
        while (in_a_row-- > 0 && delay < DELAY_MAXIMUM) {
                delay *= 2;
        }
        return delay < DELAY_MAXIMUM ? delay : DELAY_MAXIMUM;
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
        /* A delay that the user chose longer than the cap is not shortened. */
        *ret_delay = life->restart_delay >= DELAY_MAXIMUM
                             ? life->restart_delay
                             : back_off(life->restart_delay, history->in_a_row);
        history->in_window++;
        history->in_a_row++;
        return 0;
}
