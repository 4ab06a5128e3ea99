/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SECURITY_RESOURCES_H
#define SECURITY_RESOURCES_H

#include <stdbool.h>
#include <sys/types.h>

#include <machine/error.h>
#include <machine/machine.h>

/* Like security_become(), this needs only libc. */

/** The kernel's maximum of memory nodes (CONFIG_NODES_SHIFT of x86). */
#define RESOURCE_MEMORY_NODES 1024

/** The keys in the group `limits` of a definition, by the kernel's number of the limit:
 * "open_files". */
extern const char *const resource_keys[MACHINE_RESOURCE_LIMITS];

/**
 * The resource settings of a definition. Contains no pointers: it may be sent to another process.
 */
struct resource_settings {
        struct machine_resource_limit limits[MACHINE_RESOURCE_LIMITS];
        bool bare; /* messages name the members of a bundle */
        bool oom_score_adjust_set;
        int oom_score_adjust;
        bool nice_set;
        int nice;
        struct machine_scheduler scheduler;
        struct machine_io_priority io_priority;
        bool personality_set;
        uint32_t personality;
        bool memory_policy_set;
        int memory_policy; /* MPOL_* with MPOL_F_* */
        uint64_t memory_nodes[RESOURCE_MEMORY_NODES / 64];
        bool umask_set;
        uint32_t umask;
};

/** The part of a definition that applies to processes and is neither an identity nor a filter. */
struct resource_settings resource_settings_of(const struct machine *machine);

/** Whether the settings have something for resources_prepare(): it must be applied to a machine's
 * first process before that creates the payload's, which inherits it. */
bool resources_need_preparing(const struct resource_settings *settings);

/**
 * Applies to a process (0: the caller), from outside the machine, what is not permitted inside:
 * raises hard limits, sets oom_score_adj, nice, scheduler and I/O priority. Raising a hard limit,
 * lowering the score and a negative nice value need CAP_SYS_RESOURCE or CAP_SYS_NICE in the host's
 * user namespace. Lowers no limit, so that the process can still set up its machine. An error names
 * the key, the value and the missing capability. Returns 0 or -errno.
 */
int resources_prepare(pid_t pid, const struct resource_settings *settings,
                      struct machine_error *error);

/** Lets the calling process run only on the CPUs of a list as in cpuset(7), which was checked when
 * it was read; NULL: changes nothing. Returns 0 or -errno. */
int resources_run_on(const char *cpus, struct machine_error *error);

/** Applies umask, personality, memory policy and the limits to the calling process, just before it
 * executes the payload: a low limit may make any further open, write or mmap fail. Returns 0 or
 * -errno. */
int resources_limit(const struct resource_settings *settings, struct machine_error *error);

#endif
