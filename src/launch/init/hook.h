/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_INIT_HOOK_H
#define LAUNCH_INIT_HOOK_H

#include <stdint.h>

#include "base/error.h"

/** A program that a user wants to be run at some moment. All is borrowed. */
struct hook {
        const char *path;         /* absolute */
        char *const *arguments;   /* with the first, argv[0]; NULL: the path alone */
        char *const *environment; /* complete; NULL: empty */
        uint64_t timeout;         /* microseconds, 0: none */
        const char *directory;    /* to run in; NULL: the caller's */
};

/**
 * Runs a program in the caller's root and namespaces, with a text as its standard input
 * and no other descriptor of the caller's, and waits until it has ended. One that takes longer than
 * its time is killed with its process group. 0, or -errno with an error that says how it failed and
 * what it wrote last: -ETIMEDOUT, -ECHILD for a status other than 0, or that of execve(2).
 */
int hook_run(const struct hook *hook, const char *input, struct machine_error *error);

#endif
