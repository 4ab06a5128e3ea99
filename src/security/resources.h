/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_RESOURCES_H
#define SECURITY_RESOURCES_H

#include <sys/types.h>

#include <machine/error.h>
#include <machine/machine.h>

/**
 * Applies resource limits, oom_score_adjust and nice of a definition to a process (0: the caller),
 * which passes them on to what it starts. To be called by the machine's parent before the child
 * goes on: raising a hard limit, lowering the score and a negative nice need CAP_SYS_RESOURCE or
 * CAP_SYS_NICE in the host's user namespace, which nothing inside a machine's has; and limits
 * belong before the change of user. An error names the key, the value and the capability that is
 * missing. 0 or -errno.
 */
int resources_apply(pid_t pid, const struct machine_limits *limits, struct machine_error *error);

/** The key of a resource limit in a definition ("open_files" for RLIMIT_NOFILE), or NULL. */
const char *resource_name(int resource);

#endif
