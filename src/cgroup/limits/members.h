/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CGROUP_LIMITS_MEMBERS_H
#define CGROUP_LIMITS_MEMBERS_H

#include <machine/error.h>

/**
 * Renames limits in messages from the keys of a definition ("limits.memory") to the members of an
 * OCI bundle ("linux.resources.memory.limit"): in the error if `r` is negative, and in the
 * warnings (NULL: none). Returns r, or -ENOMEM.
 */
int members_name(int r, char ***warnings, struct machine_error *error);

#endif
