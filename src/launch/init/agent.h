/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_INIT_AGENT_H
#define LAUNCH_INIT_AGENT_H

#include "launch/init/plan.h"

/**
 * Sends the agent on the host the descriptor on which it answers the payload's system calls, with
 * the plan's text (runtime specification, "The Container Process State"). The filter is in effect:
 * this makes no call but sendmsg(2). 0, or -errno with error set.
 */
int agent_tell(const struct init_plan *plan, int agent, int listener, struct machine_error *error);

#endif
