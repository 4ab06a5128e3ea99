/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_OUTPUT_TERMINAL_H
#define SUPERVISE_OUTPUT_TERMINAL_H

#include <machine/error.h>

#include "base/process/event.h"

/** Relays data between the terminals of the caller and of a machine. */
struct terminal;

/**
 * Connects standard input and output to the master side of a machine's terminal: sets the terminal
 * of the caller to raw mode, and copies its size. The caller keeps master, which has to outlive
 * *ret. Returns 0 or -errno with error set. terminal_free() restores the mode.
 */
int terminal_join(struct event_loop *loop, int master, struct terminal **ret,
                  struct machine_error *error);

struct keys;

/**
 * The same for a terminal whose output arrives on another descriptor, a socket: what is typed goes
 * to the master, except the keys that detach, which end the loop with 1. The end of the input is
 * not passed on. All but the loop has to outlive *ret.
 */
int terminal_attach(struct event_loop *loop, int master, int output, struct keys *keys,
                    struct terminal **ret, struct machine_error *error);

/** Copies the size of the caller's terminal, on SIGWINCH. */
void terminal_resize(struct terminal *terminal);

/** Writes the rest of the output after the processes of the machine have ended. */
void terminal_drain(struct terminal *terminal);

/** Restores the terminal of the caller. terminal may be NULL. */
void terminal_free(struct terminal *terminal);

DEFINE_CLEANUP(struct terminal *, terminal_free, cleanup_terminal)
#define _cleanup_terminal_ _cleanup_(cleanup_terminal)

#endif
