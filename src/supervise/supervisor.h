/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_SUPERVISOR_H
#define SUPERVISE_SUPERVISOR_H

#include "launch/launch.h"

/** What the supervisor of a machine in the background needs. Borrowed while it runs. */
struct supervisor_options {
        struct launch_directories directories;
        const char *log_directory;
        const struct log *log;
        const char *unit; /* the unit that this process is the main process of, or NULL */
        int report; /* socket of launch/message.h on which readiness or failure is told, or -EBADF
                     */
};

/**
 * Starts a machine and stays beside it for as long as it lives: keeps its log, watches health and
 * memory, restarts it as its definition says, stops it in order when it gets SIGTERM or SIGINT (at
 * once at the second), and leaves a record of how it ended. The service manager is told, where one
 * asks for it. Returns the exit status of the last run, or -errno when the machine could not be
 * started.
 */
int supervise(struct machine *machine, const struct supervisor_options *options,
              struct machine_error *error);

/**
 * Does that in a process of its own, detached from the caller, which goes on. *ret_report, the
 * caller's, is where supervise_await() learns how it went. 0 or -errno.
 */
int supervise_detach(struct machine *machine, const struct supervisor_options *options,
                     int *ret_report, struct machine_error *error);

/** Waits until a machine is ready as `ready` of its definition says. 0, or -errno with the reason
 * why it did not get there. */
int supervise_await(int report, const char *name, struct machine_error *error);

#endif
