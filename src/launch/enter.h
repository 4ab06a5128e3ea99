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

/** A program that enters a machine. It is no child of the caller, but dies with it. */
struct entered {
        int socket;    /* readable when there is something for launch_entered_next() */
        int pidfd;     /* of the program: readable when it has ended */
        int companion; /* pidfd of its parent in the machine, which reaps it: launch/init/main.c */
        int terminal;  /* master side, or -EBADF */
        int helper;    /* pidfd of the caller's child on whose side the way in begins */
        bool ready;    /* the next thing is its execve(2) */
        bool running;  /* which has succeeded */
        bool ended;
        int status; /* of one that has ended: its exit status, 128 + N for signal N */
};

#define ENTERED_INIT                                                                        \
        {                                                                                   \
                .socket = -EBADF, .pidfd = -EBADF, .companion = -EBADF, .terminal = -EBADF, \
                .helper = -EBADF,                                                           \
        }

/** Runs the program: returns once its execve(2) has succeeded. 0 or -errno; the caller ends *ret
 *  with launch_leave(). */
int launch_enter(const struct enter_request *request, struct entered *ret,
                 struct machine_error *error);

/** Begins that without waiting for anything in the machine, which may be in no state to run a
 *  program. 0 or -errno; the same holds for *ret. */
int launch_enter_begin(const struct enter_request *request, struct entered *ret,
                       struct machine_error *error);

/** Takes what is told next of a program that enters, waiting for it. 0 with *entered up to date, or
 *  -errno: it could not be started. A machine's end ends it by SIGKILL. */
int launch_entered_next(struct entered *entered, struct machine_error *error);

/** Kills it, or what was to become it; the socket tells when that is gone. */
void launch_entered_kill(const struct entered *entered);

/** Lets go of a program, which is killed if it still runs, and of all that *entered holds. Its exit
 *  status, SIGKILL's where none was told. ENTERED_INIT is allowed. */
int launch_leave(struct entered *entered);

#endif
