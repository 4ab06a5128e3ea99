/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_WATCH_UPLINK_H
#define SUPERVISE_WATCH_UPLINK_H

#include "base/process/event.h"
#include "launch/launch.h"

/** Watches the network program of a user's machine. */
struct uplink_watch;

typedef void (*uplink_handler)(const char *message, void *data);

/**
 * Starts watching. All supervisors of a user watch his one program; when it ends, the first one
 * starts it again and reports that. A program that ends at once, as on a host without a route, is
 * started again when the host's routes change, and otherwise less and less often. *ret is NULL for
 * a machine without such a program. Returns 0 or -errno with error set.
 */
int uplink_watch_start(struct event_loop *loop, struct launch *launch, uplink_handler handler,
                       void *data, struct uplink_watch **ret, struct machine_error *error);

/** Stops watching. watch may be NULL. */
void uplink_watch_free(struct uplink_watch *watch);

DEFINE_CLEANUP(struct uplink_watch *, uplink_watch_free, cleanup_uplink_watch)
#define _cleanup_uplink_watch_ _cleanup_(cleanup_uplink_watch)

#endif
