/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_INIT_BESIDE_H
#define LAUNCH_INIT_BESIDE_H

#include <linux/capability.h>
#include <sys/types.h>

#include "launch/init/plan.h"

/* The process that stays next to a payload. */

/* The process next to the payload only needs to signal processes of other users and, until it has
 * dropped everything else including its bounding set, this. */
#define BESIDE_KEPT (CAPABILITY_BIT(CAP_KILL) | CAPABILITY_BIT(CAP_SETPCAP))

/** Creates the payload's process and stays next to it, as a stub or a companion. */
_Noreturn void beside_run(const struct init_plan *plan);

/**
 * Stays next to a payload that exists already, as PID 1. `identity` is the payload's; `socket` is
 * the one on which payload_become() waits. Only INIT_SOCKET_FD, INIT_STATUS_FD, `socket` and the
 * standard streams are open; all but INIT_STATUS_FD are closed.
 */
_Noreturn void beside_stay_as_stub(const struct security_identity *identity, pid_t payload,
                                   int socket);

/** The same for a stub that has executed this program: nothing is open, and it has no more rights
 * than a stub. */
_Noreturn void beside_continue_as_stub(pid_t payload);

#endif
