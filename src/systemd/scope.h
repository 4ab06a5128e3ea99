/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SYSTEMD_SCOPE_H
#define SYSTEMD_SCOPE_H

#include <sys/types.h>

#include <machine/error.h>

/**
 * Puts a process of this host into a transient scope below a slice, whose control group is
 * delegated, and waits until it is in it. The scope goes when its last process does. 0 or -errno
 * with error set.
 */
int systemd_enter_scope(const char *unit, const char *slice, const char *description, pid_t pid,
                        struct machine_error *error);

/** Puts the calling process, of a user, into a scope of its own in his service manager: the machine
 * gets a control group that is delegated to him, and does not end with the session. Does nothing
 * for root, and without such a manager. 0 or -errno with error set. */
int systemd_enter_own_scope(const char *machine, struct machine_error *error);

/**
 * Moves a process of a user to a scope of its own in his service manager, so that it does not end
 * with the unit of the caller. Does not wait, and does nothing for root and without such a manager.
 */
void systemd_adopt_process(pid_t process, const char *unit, const char *description);

#endif
