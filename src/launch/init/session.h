/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_INIT_SESSION_H
#define LAUNCH_INIT_SESSION_H

#include <stdbool.h>

#include <machine/error.h>

/** Drops the host's controlling terminal and session keyring, unless that is to be kept. For every
 * process that enters a machine. */
int session_leave(bool keep_keyring, struct machine_error *error);

/** Gives a machine's terminal the window size of the caller's, which is standard input or output,
 *  before anything runs on it. */
void session_copy_window_size(int terminal);

#endif
