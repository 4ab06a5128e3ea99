/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_HEALTH_H
#define SUPERVISE_HEALTH_H

#include "base/event.h"
#include "launch/launch.h"

/** The health check of a running machine: a command run in it again and again. */
struct health;

/** What a check found. */
enum health_verdict {
        HEALTH_GOOD,      /* the first success, or the first after failures */
        HEALTH_FAILING,   /* a failure that counts, not as the last */
        HEALTH_UNHEALTHY, /* as many failures in a row as `retries` allows */
};

typedef void (*health_handler)(enum health_verdict verdict, const char *reason, void *data);

/**
 * Starts checking as `health` of the definition says; failures within start_period do not count,
 * and are not told, until the first success. handler is called from the loop. 0 or -errno. Ended by
 * health_free().
 */
int health_start(struct event_loop *loop, const struct machine *machine,
                 const struct launch_directories *directories, health_handler handler, void *data,
                 struct health **ret, struct machine_error *error);

/** Ends the checks, killing one that is under way. NULL is allowed. */
void health_free(struct health *health);

#endif
