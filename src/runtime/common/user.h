/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RUNTIME_COMMON_USER_H
#define RUNTIME_COMMON_USER_H

#include <machine/error.h>
#include <machine/machine.h>

/**
 * Moves a caller who is not uid 0 to a user namespace of his own (security/user/user.h), in which
 * he can create the container, and translates the ids that it maps to those of that namespace.
 * Nobody needs to stay in it. For uid 0, of the host or of such a namespace, there is nothing to
 * do. 0, or -errno with error set.
 */
int user_enter(struct machine *machine, struct machine_error *error);

#endif
