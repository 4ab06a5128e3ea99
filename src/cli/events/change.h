/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_EVENTS_CHANGE_H
#define CLI_EVENTS_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "state/record.h"

/** What is known of a machine. */
struct observation {
        struct machine_record record;
        char *health; /* the name of a status, or NULL */
        int watch;    /* pidfd of its supervisor, or -EBADF */
        struct event_source *source;
};

/** Called with the name of an event, as in machinectl-lite(1). Returns 0, or -errno to stop. */
typedef int (*event_handler)(const char *event, const struct observation *after, void *data);

/**
 * Calls the handler for each event that lies between two records of a machine, in the order in
 * which they happen. `before` is NULL for a machine that was not known. Returns 0 or the handler's
 * -errno.
 */
int change_report(const struct machine_record *before, const struct observation *after,
                  event_handler handler, void *data);

#endif
