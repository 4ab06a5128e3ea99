/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_WATCH_HEALTH_H
#define SUPERVISE_WATCH_HEALTH_H

#include "base/process/event.h"
#include "launch/launch.h"
#include "state/health.h"

/** Health checks of a running machine: a command that is run in it periodically. */
struct health;

/** The result of a check. */
enum health_verdict {
        HEALTH_PASSED,    /* the first success, or the first after failures */
        HEALTH_FAILING,   /* a failure, but fewer in a row than `retries` */
        HEALTH_UNHEALTHY, /* `retries` failures in a row */
};

/** Called after each check with the verdict; health->reason and ->output are those of the check. */
typedef void (*health_handler)(enum health_verdict verdict, const struct machine_health *health,
                               void *data);

/**
 * Starts the health checks of a machine. Until the first success, failures within start_period are
 * neither counted nor reported to the handler. The result of each check is stored next to the
 * record of the machine (state/health.h) until health_free(). handler is called from the loop.
 * Returns 0 or -errno with error set.
 */
int health_start(struct event_loop *loop, const struct machine *machine,
                 const struct launch_directories *directories, health_handler handler, void *data,
                 struct health **ret, struct machine_error *error);

/** Makes the machine unhealthy for good: checks that pass no longer make it healthy. */
void health_report_fault(struct health *health, const char *reason);

/** Stops the checks and kills the current one. health may be NULL. */
void health_free(struct health *health);

#endif
