/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_TERMINAL_H
#define SUPERVISE_TERMINAL_H

#include <machine/error.h>

#include "base/event.h"

/** The relay between the caller's terminal and that of a machine. */
struct terminal;

/**
 * Joins standard input and output with the master side of a machine's terminal: the caller's
 * terminal is put into raw mode and its size carried over. master stays the caller's and has to
 * outlive *ret. 0 or -errno. terminal_free() restores the mode.
 */
int terminal_join(struct event_loop *loop, int master, struct terminal **ret,
                  struct machine_error *error);

/** Carries the size of the caller's terminal over; for SIGWINCH. */
void terminal_resize(struct terminal *terminal);

/** Writes out what the machine has printed until its end. For when its processes are gone. */
void terminal_drain(struct terminal *terminal);

/** Restores the caller's terminal. NULL is allowed. */
void terminal_free(struct terminal *terminal);

DEFINE_CLEANUP(struct terminal *, terminal_free, cleanup_terminal)
#define _cleanup_terminal_ _cleanup_(cleanup_terminal)

#endif
