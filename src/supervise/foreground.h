/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_FOREGROUND_H
#define SUPERVISE_FOREGROUND_H

#include <signal.h>
#include <stdbool.h>

#include "launch/enter/enter.h"
#include "launch/launch.h"

/**
 * Blocks the signals that are read by the loop of foreground_run(), so that signals which arrive
 * during the start stay pending for it.
 */
void foreground_block_signals(sigset_t *ret_previous);

/**
 * Supervises a machine in the foreground until its payload has ended: forwards signals, kills the
 * machine on the second SIGINT, stops it on request_stop(), and relays the terminal if it has one.
 * Returns the exit status of the payload, or -errno. *ret_early: the first process may not have
 * ended yet.
 */
int foreground_run(struct launch *launch, const struct machine_life *life, bool *ret_early,
                   struct machine_error *error);

/** What else is watched beside a program: `readable` is called whenever the descriptor is. */
struct foreground_watch {
        int fd; /* -EBADF: nothing */
        void (*readable)(int fd);
};

/** Waits for a child of the caller to exit, which stays to be reaped: forwards signals to it, and
 * relays its terminal (the master side, or -EBADF). `watch` may be NULL. 0 or -errno with error
 * set. */
int foreground_attend(int pidfd, int terminal, const struct foreground_watch *watch,
                      struct machine_error *error);

/** Like foreground_run() for a program that has entered a machine; calls launch_leave(). */
int foreground_follow(struct entered *entered, struct machine_error *error);

#endif
