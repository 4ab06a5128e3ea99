/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_INIT_PAYLOAD_H
#define LAUNCH_INIT_PAYLOAD_H

#include "base/error.h"
#include "launch/init/plan.h"

/* The way of a process to its payload, with the descriptors of launch/init/plan.h. */

/** The exit status of `run` for failures of this program, as for env(1) and docker. */
#define PAYLOAD_OWN_FAILURE 125

/** Reports an error to the parent, which prints it, and exits. */
_Noreturn void payload_fail(struct machine_error *error, const char *step);

/** Asks to be killed when the parent dies, and exits if it has already died. */
void payload_die_with_parent(void);

/**
 * Becomes the payload. `beside` is the socket of the process that stays next to it, which sends
 * MESSAGE_PROCEED when it has dropped its privileges and the machine's root is "/"; -EBADF: there
 * is none.
 */
_Noreturn void payload_become(const struct init_plan *plan, int beside);

#endif
