/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_INIT_JOIN_H
#define LAUNCH_INIT_JOIN_H

#include "launch/init/plan.h"

/**
 * Enters the running machine whose first process is INIT_MACHINE_FD, as the plan says. From then
 * on, processes visible in the machine are not dumpable and hold only the program's privileges and
 * the capabilities in `kept`.
 *
 * Returns 0 in a new process inside, the companion; the caller exits. -errno with error set in the
 * process that failed.
 */
int join_machine(struct init_plan *plan, uint64_t kept, struct machine_error *error);

#endif
