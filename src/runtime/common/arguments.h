/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RUNTIME_COMMON_ARGUMENTS_H
#define RUNTIME_COMMON_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <machine/error.h>

#include "base/cleanup.h"

/** The options of all verbs, by their long names. A name means the same with each verb that has it.
 */
enum argument {
        /* Before the verb. */
        ARGUMENT_ROOT,
        ARGUMENT_LOG,
        ARGUMENT_LOG_FORMAT,
        ARGUMENT_LOG_LEVEL,
        ARGUMENT_DEBUG,
        ARGUMENT_SYSTEMD_CGROUP,
        ARGUMENT_CGROUP_MANAGER,
        ARGUMENT_ROOTLESS,
        ARGUMENT_VERSION,
        ARGUMENT_HELP,
        /* After it. */
        ARGUMENT_BUNDLE,
        ARGUMENT_PID_FILE,
        ARGUMENT_CONSOLE_SOCKET,
        ARGUMENT_PIDFD_SOCKET,
        ARGUMENT_PRESERVE_FDS,
        ARGUMENT_NO_PIVOT,
        ARGUMENT_NO_NEW_KEYRING,
        ARGUMENT_NO_SUBREAPER,
        ARGUMENT_DETACH,
        ARGUMENT_KEEP,
        ARGUMENT_PROCESS,
        ARGUMENT_TTY,
        ARGUMENT_USER,
        ARGUMENT_GROUPS,
        ARGUMENT_CWD,
        ARGUMENT_ENV,
        ARGUMENT_CAP,
        ARGUMENT_APPARMOR,
        ARGUMENT_PROCESS_LABEL,
        ARGUMENT_CGROUP,
        ARGUMENT_NO_NEW_PRIVS,
        ARGUMENT_IGNORE_PAUSED,
        ARGUMENT_ALL,
        ARGUMENT_FORCE,
        ARGUMENT_FORMAT,
        ARGUMENT_QUIET,
        ARGUMENT_FOR_USER,
        ARGUMENT_RESOURCES,
        ARGUMENT_MEMORY,
        ARGUMENT_MEMORY_RESERVATION,
        ARGUMENT_MEMORY_SWAP,
        ARGUMENT_KERNEL_MEMORY,
        ARGUMENT_KERNEL_MEMORY_TCP,
        ARGUMENT_CPU_SHARE,
        ARGUMENT_CPU_QUOTA,
        ARGUMENT_CPU_PERIOD,
        ARGUMENT_CPU_BURST,
        ARGUMENT_CPU_IDLE,
        ARGUMENT_CPU_RT_RUNTIME,
        ARGUMENT_CPU_RT_PERIOD,
        ARGUMENT_CPUSET_CPUS,
        ARGUMENT_CPUSET_MEMS,
        ARGUMENT_PIDS_LIMIT,
        ARGUMENT_BLKIO_WEIGHT,
        ARGUMENT_STATS,
        ARGUMENT_INTERVAL,
        ARGUMENTS,
};

_Static_assert(ARGUMENTS <= 64, "each is a bit of a mask");

#define ARGUMENT_BIT(argument) (UINT64_C(1) << (argument))
#define ARGUMENTS_GLOBAL       (ARGUMENT_BIT(ARGUMENT_BUNDLE) - 1)
#define ARGUMENTS_LIMITS \
        (ARGUMENT_BIT(ARGUMENT_STATS) - ARGUMENT_BIT(ARGUMENT_MEMORY)) /* those of `update` */

/** What stands on a command line. Borrows its strings. */
struct arguments {
        const char *values[ARGUMENTS]; /* NULL: not given; "" for a flag; the last one of several */
        char **lists[ARGUMENTS];       /* of options that may be repeated: all of them */
        char **rest;                   /* after the options */
        size_t count;                  /* of these */
};

void arguments_clear(struct arguments *arguments);
#define _cleanup_arguments_ _cleanup_(arguments_clear)

static inline bool arguments_has(const struct arguments *arguments, enum argument argument)
{
        return arguments->values[argument] != NULL;
}

/**
 * Takes the options in `allowed` off a NULL-terminated list of words, up to "--" or, with stop, to
 * the first word that is none; without it options may follow such words. Adds to *arguments, whose
 * `rest` are the words left, in a part of the list, which is reordered. 0, or -EINVAL with an
 * error.
 */
int arguments_parse(char **words, uint64_t allowed, bool stop, struct arguments *arguments,
                    struct machine_error *error);

/** The long name of an option. */
const char *arguments_name(enum argument argument);

/** Prints the options in `allowed`, for --help. */
void arguments_print(uint64_t allowed);

/** Reads an option's number up to a maximum, 0 without the option. 0, or -EINVAL with an error. */
int arguments_number(const struct arguments *arguments, enum argument argument, uint64_t maximum,
                     uint64_t *ret, struct machine_error *error);

#endif
