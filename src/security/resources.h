/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_RESOURCES_H
#define SECURITY_RESOURCES_H

#include <stdbool.h>
#include <sys/types.h>

#include <machine/error.h>
#include <machine/machine.h>

/* Like becoming the payload, this needs nothing but libc. */

/**
 * What a definition says of a process' resources. Plain bytes without a pointer: it may be sent to
 * another process.
 */
struct resource_settings {
        struct machine_resource_limit limits[MACHINE_RESOURCE_LIMITS];
        bool oom_score_adjust_set;
        int oom_score_adjust;
        bool nice_set;
        int nice;
};

/** The part of a definition's limits that belongs to processes. */
struct resource_settings resource_settings_of(const struct machine_limits *limits);

/**
 * Does to a process (0: the caller), from outside of the machine, what nobody inside may: raises
 * hard limits, sets oom_score_adj and nice. Raising a hard limit, lowering the score and a negative
 * nice need CAP_SYS_RESOURCE or CAP_SYS_NICE in the host's user namespace. No limit gets lower by
 * this, so that the process can go on setting up its machine. An error names the key, the value and
 * the capability that is missing. 0 or -errno.
 */
int resources_prepare(pid_t pid, const struct resource_settings *settings,
                      struct machine_error *error);

/** Applies the limits to the caller, who is about to execute the payload and opens, writes and maps
 *  nothing any more that a low limit could refuse. 0 or -errno. */
int resources_limit(const struct resource_settings *settings, struct machine_error *error);

#endif
