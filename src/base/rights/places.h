/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_RIGHTS_PLACES_H
#define BASE_RIGHTS_PLACES_H

#include <machine/error.h>

/* Where a user's files are, from the variables of the XDG base directory specification. */

/** $VARIABLE/NAME, or HOME/FALLBACK/NAME if the variable is unset or not an absolute path. Returns
 * 0 or -errno with error set; the caller frees *ret. */
int places_user(const char *variable, const char *fallback, const char *name, char **ret,
                struct machine_error *error);

/** HOME/NAME. Returns 0 or -errno with error set; the caller frees *ret. */
int places_home(const char *name, char **ret, struct machine_error *error);

/**
 * The directory that the session has for runtime files: $XDG_RUNTIME_DIR, or /run/user/UID if that
 * is the caller's. *ret is NULL if he has none; the caller frees it. Returns 0, or -EPERM with
 * error set if $XDG_RUNTIME_DIR belongs to somebody else.
 */
int places_runtime(char **ret, struct machine_error *error);

/** The directories of definitions, in the order in which they are searched: root's, or the caller's
 * own and those that the administrator provides for all users. Returns 0 or -errno with error set;
 * the caller frees *ret. */
int places_definitions(char ***ret, struct machine_error *error);

#endif
