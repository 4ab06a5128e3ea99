/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_FOREGROUND_H
#define SUPERVISE_FOREGROUND_H

#include <signal.h>

#include "launch/enter.h"
#include "launch/launch.h"

/**
 * Blocks the signals that the loop beside a machine reads, in the calling process, which is about
 * to start one: what comes during the start is kept for the loop.
 */
void foreground_block_signals(sigset_t *ret_previous);

/**
 * Stays beside a machine that was started in the foreground until its first process has ended:
 * passes signals on, a second SIGINT kills; relays the terminal where it has one. Returns the
 * payload's exit status, or -errno.
 */
int foreground_run(struct launch *launch, struct machine_error *error);

/** The same beside a program that has entered a running machine; ends it with launch_leave(). */
int foreground_follow(struct entered *entered, struct machine_error *error);

#endif
