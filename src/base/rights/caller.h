/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_RIGHTS_CALLER_H
#define BASE_RIGHTS_CALLER_H

#include <stdbool.h>

#include <machine/error.h>

/* Who runs this program. Everybody except root of the host is a user: in a user namespace, uid 0 is
 * root only over what that namespace owns. */

/** Whether the caller is root of the host: uid 0 in the initial user namespace. */
bool caller_is_root(void);

/** Whether the caller is uid 0 of another user namespace: a user's own one, or a container. */
bool caller_is_inside(void);

/**
 * Fails if execve(2) gave this program rights that its caller lacks, by a set-user-ID bit or file
 * capabilities: it opens files and executes programs that its caller chooses. Returns 0, or -EPERM
 * with an error.
 */
int caller_check(struct machine_error *error);

#endif
