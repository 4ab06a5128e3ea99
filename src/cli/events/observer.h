/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_EVENTS_OBSERVER_H
#define CLI_EVENTS_OBSERVER_H

#include "base/process/event.h"
#include "cli/events/change.h"
#include "cli/events/stream.h"

/** One event of a machine. `machine` is its state after it; borrowed. */
struct occurrence {
        const char *event;
        uint64_t time_usec; /* CLOCK_REALTIME */
        const struct observation *machine;
};

/** Called for each event. Returns 0, or -errno, which stops the observer. */
typedef int (*occurrence_handler)(const struct occurrence *occurrence, void *data);

/** Derives events from the log of the store, and from the deaths of supervisors, which cannot log
 * their own. */
struct observer;

/**
 * Reads the log, and calls the handler for events in it that are not older than `since`
 * (CLOCK_REALTIME, microseconds). Returns 0, the handler's -errno, or -errno with error set. The
 * caller frees *ret.
 */
int observer_new(const struct state_store *store, uint64_t since, occurrence_handler handler,
                 void *data, struct observer **ret, struct machine_error *error);
void observer_free(struct observer *observer);

DEFINE_CLEANUP(struct observer *, observer_free, cleanup_observer)
#define _cleanup_observer_ _cleanup_(cleanup_observer)

/** Follows the log until SIGINT or SIGTERM. Returns 0, or as observer_new(). */
int observer_follow(struct observer *observer, struct machine_error *error);

#endif
