/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_PROCESS_PROGRAM_H
#define BASE_PROCESS_PROGRAM_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* The executables of this project run each other: code that needs a large library is in a separate
 * executable, so that starts do not pay for it. */

/** An executable. */
struct program {
        const char *name;    /* "machinectl-lite-image" */
        const char *purpose; /* for messages: "which handles images" */
        /* Paths relative to the running program's directory, as installed and as built, so that an
         * installation can be moved and a build tree can be run. NULL-terminated. */
        const char *const *places;
};

/** Returns the path of a program, or NULL with error set to -ENOENT if it is missing; error may be
 * NULL. The caller frees the path. */
char *program_find(const struct program *program, struct machine_error *error);

/** Replaces the running program by this one. arguments: NULL-terminated, without the program's
 * name. Returns only on failure: -errno with error set. */
int program_execute(const struct program *program, char *const *arguments,
                    struct machine_error *error);

/**
 * Starts a program with arguments (NULL-terminated, without the program's name) and only these
 * descriptors: standard input and output, /dev/null for -EBADF, and the caller's standard error.
 * Signals have their defaults. Returns a pid to reap, or -errno with error set.
 */
pid_t program_start(const struct program *program, const char *const *arguments, int input,
                    int output, struct machine_error *error);

/**
 * Runs a program with a text as its standard input and waits for it. Returns its exit status as
 * process_wait() does, or -errno with error set. *ret_output is its standard output, at most 64
 * KiB; the caller frees it.
 */
int program_run(const struct program *program, const char *const *arguments, const char *input,
                char **ret_output, struct machine_error *error);

#endif
