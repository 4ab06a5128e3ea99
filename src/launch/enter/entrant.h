/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_ENTER_ENTRANT_H
#define LAUNCH_ENTER_ENTRANT_H

#include <stdbool.h>
#include <sys/types.h>

#include "launch/launch.h"

/**
 * A program that joins a container and is left alone there, for a caller of an OCI runtime: nothing
 * of this program stays with it. It is a child of the caller, and lives without him.
 */
struct entrant_request {
        const struct state_store *store;
        const struct machine_record *record;
        int init;                      /* pidfd of the container's first process */
        const struct machine *machine; /* its process, security and limits are the program's */
        const char *group;             /* control group below the container's, or NULL */
        bool terminal;                 /* gets a pseudo-terminal of the container */
        bool keeps_keyring;            /* has the caller's session keyring */
        unsigned int preserved;        /* how many descriptors from 3 on go to the program */
};

struct entrant {
        int socket;
        pid_t pid;
        int pidfd;
        int terminal; /* master side, or -EBADF */
};

#define ENTRANT_INIT                                                  \
        {                                                             \
                .socket = -EBADF, .pidfd = -EBADF, .terminal = -EBADF \
        }

/** Starts a program up to its execve(2), for which it waits, and dies with the caller until then.
 * The filter is the container's. 0 or -errno with error set; the caller ends *ret with
 * launch_entrant_close(). */
int launch_entrant_begin(const struct entrant_request *request, struct entrant *ret,
                         struct machine_error *error);

/** Lets it execute; from here it lives without the caller. 0 once execve(2) has succeeded, or
 * -errno with error set. */
int launch_entrant_proceed(struct entrant *entrant, struct machine_error *error);

/** Closes the descriptors. A program that still waits ends. */
void launch_entrant_close(struct entrant *entrant);

#endif
