/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_LIFE_RUN_H
#define SUPERVISE_LIFE_RUN_H

#include "supervise/life/supervision.h"

struct machine_error;

/** Starts the machine, and follows it until it ends. 0 or -errno with error set; supervisor_fail()
 * then undoes what was started. */
int supervisor_begin_run(struct supervisor *supervisor, struct machine_error *error);

/** Reports that the machine could not be started, after undoing what was done of it. */
void supervisor_fail(struct supervisor *supervisor, const struct machine_error *error);

/** Starts the machine when the delay before its first run, or between two runs, is over. */
int supervisor_on_restart(struct event_source *source, void *data);

#endif
