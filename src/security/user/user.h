/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_USER_USER_H
#define SECURITY_USER_USER_H

#include <stddef.h>
#include <sys/types.h>

#include <machine/error.h>

#include "base/process/process.h"
#include "base/rights/subordinate_ids.h"
#include "security/ids/id_map.h"

/**
 * The user namespace of a user's own, in which he is uid 0 and his subordinate ids (subuid(5)) are
 * the ids from 1 on. The steps of a start run in it like root's on the host; each machine's own
 * user namespace is below it. It lives as long as a process is in it: those that make machines, and
 * the supervisors. Without subordinate ids it has his own id alone, which needs no other program,
 * and setgroups(2) is denied.
 *
 * Groups to keep have ids from USER_GROUPS_FIRST on in it, and the same in machines that keep them.
 */
#define USER_GROUPS_FIRST UINT32_C(2146435072)

/**
 * Moves the calling process, which has one thread, to a new user namespace of this kind, as uid 0.
 * newuidmap(1) and newgidmap(1) write its maps from outside. `ids` is NULL for
 * the user's own id alone.
 * Returns 0 or -errno with error set, after which the process cannot be used any more.
 */
int user_namespace_make(const struct subordinate_ids *ids, struct machine_error *error);

/**
 * Moves the calling process to the user namespace of another process of this user, as uid 0. The
 * process must be the one that was identified, and its namespace must have been made by this user
 * in this one. Returns 0; -ESRCH if there is no such process; -EPERM with an error for a process or
 * namespace of somebody else; or another -errno.
 */
int user_namespace_join(const struct process_identity *member, struct machine_error *error);

/** The same for the namespace above that of a process, a container's for example. A process that is
 * in the caller's own namespace leaves him there. */
int user_namespace_join_above(const struct process_identity *inner, struct machine_error *error);

#endif
