/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_LIFE_READINESS_H
#define SUPERVISE_LIFE_READINESS_H

#include "supervise/life/supervision.h"

struct machine_error;

/** Reports, once, that the machine is ready: to the start that waits, to other starts through the
 *  record, and to the service manager. */
void supervisor_report_ready(struct supervisor *supervisor);

/** Reports a failure to the start that waits for the machine. */
void supervisor_report_failure(struct supervisor *supervisor, const struct machine_error *error);

/**
 * Reports to the start that waits that the machine ended before it was ready. Called when nothing
 * of the run is left, so that whoever has the answer can start or delete the machine.
 */
void supervisor_report_early_end(struct supervisor *supervisor);

/** Handles a message of the payload, see sd_notify(3). Only READY=1 has an effect. */
int supervisor_on_notified(struct event_source *source, int fd, uint32_t events, void *data);

#endif
