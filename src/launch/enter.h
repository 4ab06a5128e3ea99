/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_ENTER_H
#define LAUNCH_ENTER_H

#include <stdbool.h>
#include <sys/types.h>

#include "launch/launch.h"

/**
 * Running a further program in a machine that runs: nothing inside needs to help. The program gets
 * what the payload was given, by the plan that is kept beside the machine's record: its control
 * group, namespaces, capabilities, filter, user and environment.
 */
struct enter_request {
        const struct state_store *store;
        const struct machine_record *record;
        int init;                      /* pidfd of the machine's first process */
        char *const *command;          /* the first is looked up in PATH */
        char *const *environment;      /* goes over the payload's; may be NULL */
        const char *user;              /* NULL: the payload's */
        const char *working_directory; /* NULL: the payload's, or with a user that one's home */
        bool terminal;                 /* a new pseudo-terminal of the machine's */
        bool privileged;               /* all capabilities, no filter, new privileges allowed */
        int streams[3];                /* without a terminal; -EBADF: the caller's own */
};

/** The program that was started; a child of the caller, which dies with it. */
struct entered {
        int pidfd;
        int terminal; /* master side, or -EBADF */
};

#define ENTERED_INIT           \
        {                      \
                -EBADF, -EBADF \
        }

/** Runs the program: returns once its execve(2) has succeeded. 0 or -errno; the descriptors in *ret
 * are the caller's. */
int launch_enter(const struct enter_request *request, struct entered *ret,
                 struct machine_error *error);

#endif
