/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_ENTER_ENTER_H
#define LAUNCH_ENTER_ENTER_H

#include <stdbool.h>
#include <sys/types.h>

#include "launch/launch.h"

/**
 * Runs another program in a running machine, without help from inside. The program gets the same
 * control group, namespaces, capabilities, filter, user and environment as the payload, from the
 * plan that is kept next to the machine's record.
 */
struct enter_request {
        const struct state_store *store;
        const struct machine_record *record;
        int init;                      /* pidfd of the machine's first process */
        char *const *command;          /* the first is looked up in PATH */
        char *const *environment;      /* overrides the payload's; may be NULL */
        const char *user;              /* NULL: the payload's */
        const char *working_directory; /* NULL: the payload's, or the home of `user` if set */
        bool terminal;                 /* allocate a pseudo-terminal of the machine */
        bool privileged;               /* all capabilities, no filter, new privileges allowed */
        int streams[3];                /* without a terminal; -EBADF: the caller's */
};

/** A program that enters a machine. It is not a child of the caller, but dies with it. */
struct entered {
        int socket;    /* readable when launch_entered_next() has something to read */
        int pidfd;     /* of the program: readable when it has exited */
        int companion; /* pidfd of its parent in the machine, which reaps it: launch/init/main.c */
        int terminal;  /* master side, or -EBADF */
        int helper;    /* pidfd of the caller's child that starts to enter */
        bool ready;    /* its execve(2) follows */
        bool running;  /* which has succeeded */
        bool ended;
        int status;          /* exit status once it has exited, 128 + N for signal N */
        bool whole;          /* launch_entered_end_whole() */
        struct cgroup group; /* of its own; empty if there is none */
};

#define ENTERED_INIT                                                                        \
        {                                                                                   \
                .socket = -EBADF, .pidfd = -EBADF, .companion = -EBADF, .terminal = -EBADF, \
                .helper = -EBADF, .group = CGROUP_INIT,                                     \
        }

/** Runs the program: returns once its execve(2) has succeeded. 0 or -errno; the caller ends *ret
 *  with launch_leave(). */
int launch_enter(const struct enter_request *request, struct entered *ret,
                 struct machine_error *error);

/** Starts that without waiting for anything in the machine, which may be unable to run a program. 0
 * or -errno; the caller ends *ret with launch_leave(). */
int launch_enter_begin(const struct enter_request *request, struct entered *ret,
                       struct machine_error *error);

/** Waits for the next message about a program that enters. 0 with *entered updated, or -errno if it
 * could not be started. If the machine ends, it ends with SIGKILL. */
int launch_entered_next(struct entered *entered, struct machine_error *error);

/** From now on all processes that the program has started end with it, even if it exits by itself.
 */
void launch_entered_end_whole(struct entered *entered);

/** Starts killing the program, whether or not it is running yet, and all processes that it has
 * started; the socket reports when they are gone. */
void launch_entered_kill(struct entered *entered);

/** Sends a signal to the program's process group, as a terminal does. */
void launch_entered_signal(const struct entered *entered, int signal);

/** Releases a program and everything in *entered. If it is still running, it is killed with all
 * processes that it has started. Returns its exit status, or that of SIGKILL if none was reported.
 * ENTERED_INIT is allowed. */
int launch_leave(struct entered *entered);

#endif
