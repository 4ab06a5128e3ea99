/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RUNTIME_COMMON_SCOPE_H
#define RUNTIME_COMMON_SCOPE_H

#include <sys/types.h>

#include <machine/error.h>

/**
 * Puts a process into a transient scope of systemd's, which delegates its control group. The place
 * is "SLICE:PREFIX:NAME": PREFIX-NAME.scope below SLICE; NULL: the container's id in system.slice.
 * *ret is the absolute path of the group; the caller frees it. 0 or -errno with error set.
 */
int scope_enter(const char *place, const char *id, pid_t pid, char **ret,
                struct machine_error *error);

#endif
