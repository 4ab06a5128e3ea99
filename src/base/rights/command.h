/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_RIGHTS_COMMAND_H
#define BASE_RIGHTS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/**
 * A program of the host that handles what others have written: it runs as a user without rights, in
 * a session of its own, with nothing but these descriptors and this environment, and cannot gain
 * privileges. In a user namespace without an id to spare it keeps its id and has no capabilities.
 * It enters no machine.
 */
struct command {
        const char *const *arguments; /* the first is looked up in PATH */
        char *const *environment;
        const char *directory; /* its working directory */
        uid_t uid;             /* and group */
        int input;             /* -EBADF: /dev/null */
        int output;            /* -EBADF: see command_run() */
        /* Additional descriptors, which become 3, 4 and so on. */
        const int *descriptors;
        size_t descriptor_count;
        uint64_t file_maximum; /* the size of each file that it writes; 0: without a limit */
        bool confined;         /* no network, little memory and time: for parsing hostile data */
};

/** The maximum of descriptor_count. */
#define COMMAND_DESCRIPTORS_MAX 8

/** A user id that nobody has, for one run. */
uid_t command_pick_user(void);

/** Starts a command. Its standard error is that of the caller if errors is negative. Returns a pid
 * to reap, or -errno with error set. */
pid_t command_start(const struct command *command, int errors, struct machine_error *error);

/**
 * Runs a command. *ret_output (may be NULL) becomes its standard output without the last newline.
 * Returns its exit status as process_wait() does; for one other than 0 the error is set to what it
 * wrote to standard error; or -errno with error set.
 */
int command_run(const struct command *command, char **ret_output, struct machine_error *error);

#endif
