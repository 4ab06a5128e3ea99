/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_WATCH_RESOLVER_H
#define SUPERVISE_WATCH_RESOLVER_H

#include "base/process/event.h"
#include "launch/launch.h"

/** Watches the name servers of the host for a machine that uses them. */
struct resolver_watch;

/**
 * Starts updating /etc/resolv.conf of the machine when the host's changes. *ret is NULL if the
 * machine has other name servers or none. If the kernel allows no watch, that is logged. Returns 0
 * or -errno with error set.
 */
int resolver_watch_start(struct event_loop *loop, struct launch *launch,
                         struct resolver_watch **ret, struct machine_error *error);

/** Stops watching. watch may be NULL. */
void resolver_watch_free(struct resolver_watch *watch);

DEFINE_CLEANUP(struct resolver_watch *, resolver_watch_free, cleanup_resolver_watch)
#define _cleanup_resolver_watch_ _cleanup_(cleanup_resolver_watch)

#endif
