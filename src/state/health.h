/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STATE_HEALTH_H
#define STATE_HEALTH_H

#include "base/json.h"
#include "state/store.h"

/** The health of a machine with health checks. */
enum health_status {
        HEALTH_STATUS_STARTING, /* no check that counts has ended */
        HEALTH_STATUS_HEALTHY,
        HEALTH_STATUS_UNHEALTHY, /* `retries` failures in a row */
};

/**
 * The results of the health checks of the current run. They are stored in a file that only the
 * supervisor writes, separate from the record, which other commands change as well.
 */
struct machine_health {
        enum health_status status;
        uint64_t since_usec;   /* CLOCK_REALTIME: of the status */
        uint64_t checked_usec; /* end of the last check, or 0 */
        uint64_t failures;     /* consecutive failures that count */
        char *reason;          /* why the last check failed, or NULL */
        char *output;          /* the end of its printable output, or NULL */
};

void machine_health_clear(struct machine_health *health);
#define _cleanup_health_ _cleanup_(machine_health_clear)

/** Returns the name of a status, such as "unhealthy". */
const char *health_status_name(enum health_status status);

/** Returns the health as members to be merged with `health` of the definition, or NULL if out of
 * memory. */
json_t *machine_health_json(const struct machine_health *health);

/** Saves the health of a machine atomically, and logs a change of its status. Returns 0 or -errno.
 */
int state_save_health(const struct state_store *store, const char *name,
                      const struct machine_health *health);

/** Loads the health of a machine. Returns 0, -ENOENT if it has no health checks or is not running,
 * -EBADMSG if the file is damaged, or another -errno. The caller clears *ret. */
int state_load_health(const struct state_store *store, const char *name,
                      struct machine_health *ret);

/** Removes the health of a machine at the end of a run. */
void state_remove_health(const struct state_store *store, const char *name);

#endif
