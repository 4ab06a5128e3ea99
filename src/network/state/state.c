/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/state/state.h"

#include <errno.h>
#include <string.h>

bool lease_is_live(const struct network_lease *lease)
{
        return lease->owner.pid > 0 && process_is_alive(&lease->owner);
}

bool lease_is_of(const struct network_lease *lease, const struct process_identity *owner)
{
        return lease->owner.pid == owner->pid && lease->owner.start_time == owner->start_time;
}

int record_set_text(char *place, size_t size, const char *text)
{
        size_t length = text ? strlen(text) : 0;

        if (length >= size) {
                return -ENAMETOOLONG;
        }
        memset(place, 0, size);
        memcpy(place, text ? text : "", length);
        return 0;
}
