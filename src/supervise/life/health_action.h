/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_LIFE_HEALTH_ACTION_H
#define SUPERVISE_LIFE_HEALTH_ACTION_H

#include "supervise/life/supervision.h"

struct machine_error;

/** Starts the health checks of a machine that has a health command, and acts on what they find.
 *  0 or -errno with error set. */
int supervisor_start_health(struct supervisor *supervisor, struct machine_error *error);

/** Makes the machine unhealthy for the rest of its run, whatever its health checks find; it may
 * have none. */
void supervisor_report_fault(struct supervisor *supervisor, const char *reason);

/** At the end of a run. */
void supervisor_forget_fault(struct supervisor *supervisor);

#endif
