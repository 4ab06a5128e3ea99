/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_RIGHTS_TRUST_H
#define BASE_RIGHTS_TRUST_H

#include <stddef.h>
#include <sys/types.h>

struct machine_error;

/**
 * Files that give orders to root. A user who can change or replace one is root in effect, so the
 * file and every directory on its path must belong to root and must not be writable by others. A
 * world-writable directory is fine if it is sticky (/tmp): then an entry belongs to its creator
 * (unlink(2)). sudo and cron apply the same rules.
 *
 * `owner` is an additional trusted user, or 0. That user's private group, with the same number, may
 * have write access as well, as with a umask of 002.
 *
 * The check applies to the file that is opened: the path is walked component by component, links
 * are resolved, and each step starts from a checked directory. For callers other than root
 * everything is trusted: what they read only affects their own rights.
 */

/**
 * Opens a file or directory with the flags of open(2), adding O_CLOEXEC and O_NOCTTY. Does not
 * block on a FIFO. Returns a descriptor; -EPERM with error set, and a hint with the command that
 * fixes it, if an untrusted user could change the file; else -errno of open(2), without an error.
 */
int trust_open(const char *path, uid_t owner, int flags, struct machine_error *error);

/** file_read() of such a file; `what` describes it in errors. Returns 0, or -errno with error
 * set. */
int trust_read(const char *path, uid_t owner, const char *what, size_t maximum, char **ret,
               size_t *ret_length, struct machine_error *error);

/** The same for text edited by people, see file_read_text(). */
int trust_read_text(const char *path, uid_t owner, const char *what, size_t maximum, char **ret,
                    size_t *ret_length, struct machine_error *error);

/** Checks a path for any caller: returns 0 if it is trusted, missing, or not accessible to the
 * caller; -EPERM with error set as above; or -ENOMEM. */
int trust_judge(const char *path, uid_t owner, struct machine_error *error);

#endif
