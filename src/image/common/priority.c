/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/common/priority.h"

#include <sched.h>
#include <sys/resource.h>

void priority_give_way(void)
{
        static const struct sched_param none = { 0 };

        /* A batch thread that wakes up does not preempt another. If neither call is permitted, the
         * work only takes longer. */
        (void)sched_setscheduler(0, SCHED_BATCH, &none);
        (void)setpriority(PRIO_PROCESS, 0, PRIORITY_NICE);
}
