/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_ENTER_NAMESPACES_H
#define LAUNCH_ENTER_NAMESPACES_H

#include <stdint.h>
#include <sys/types.h>

/** The namespaces of a machine's process, as CLONE_NEW* flags, that a process of the caller's joins
 * to be in the same: for root all of them, but not the user namespace if it is the caller's
 * (setns(2)); for a user those that differ from his, because only root could join the host's. */
uint64_t namespaces_to_join(pid_t pid);

#endif
