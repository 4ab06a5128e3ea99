/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_LIFE_STOP_H
#define SUPERVISE_LIFE_STOP_H

#include "supervise/life/supervision.h"

/** Asks the payload to end, after resuming a paused machine, and starts the stop timeout. */
void supervisor_ask_to_end(struct supervisor *supervisor, enum machine_state state);

/** Ends the machine for good, for a reason that its record keeps. */
void supervisor_begin_stop(struct supervisor *supervisor, const char *reason);

/** A start that takes too long has failed: the machine is stopped and not restarted. */
int supervisor_on_start_timeout(struct event_source *source, void *data);

/** Kills a machine that has not ended within its stop timeout. */
int supervisor_on_stop_timeout(struct event_source *source, void *data);

#endif
