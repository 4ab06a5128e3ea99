/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_INIT_USER_H
#define LAUNCH_INIT_USER_H

#include "launch/init/plan.h"
#include "security/ids/users.h"

/* Resolves the user of a program in a machine: the same for the payload, looked up by the start,
 * and for programs that join, looked up by machine-init. */

/**
 * Finds a user in the machine's root, root_fd. A NULL specification means root. 0 or -errno, also
 * for an id outside of the machine's range; the caller frees *ret.
 */
int init_user_find(int root_fd, const char *specification, const struct id_range *range,
                   struct machine_user *ret, struct machine_error *error);

/**
 * Sets the user's ids in a plan and, if it has no working directory, the user's home, with "/" as
 * the fallback. All is borrowed.
 */
void init_user_plan(const struct machine_user *user, struct init_plan *plan);

/** Sets HOME, USER and LOGNAME unless they are set; only HOME for an id without a name. 0 or
 * -ENOMEM. */
int init_user_describe(const struct machine_user *user, char ***environment);

/** Sets HOME to that of an id unless it is set, from the users of the root at root_fd. What is
 * wrong there is no error: the ids are the caller's to say, and a program without HOME starts. 0 or
 * -ENOMEM. */
int init_user_describe_home(int root_fd, uid_t uid, char ***environment);

/** Makes the user the owner of those of a program's streams that are pipes. A program that opens
 * /dev/stdout, as web servers do for their logs, reopens the pipe, which only its owner may do.
 * Files and devices keep their owners, as does a pipe that is not a user's own to give. 0 or -errno
 * with error set. */
int init_user_own_pipes(const int streams[static 3], uid_t uid, gid_t gid,
                        struct machine_error *error);

/** Makes the user the owner of a terminal of the machine and sets its size to the caller's. 0 or
 * -errno with error set. */
int init_user_own_terminal(uid_t uid, int terminal, struct machine_error *error);

#endif
