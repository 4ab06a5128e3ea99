/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_OUTPUT_OUTPUT_H
#define SUPERVISE_OUTPUT_OUTPUT_H

#include <machine/machine.h>

#include "base/process/event.h"

/**
 * Reads the output of a machine from two pipes and writes it to the log, line by line. A payload
 * that prints faster than the log can be written blocks, so that nothing is lost or buffered.
 */
struct output;

/**
 * Opens the log of a machine according to `log` of its definition (AUTO: the journal if it is
 * running, or else a file) and watches its streams. Returns 0 or -errno with error set. The caller
 * frees *ret with output_free().
 */
int output_open(struct event_loop *loop, const struct machine *machine, const char *log_directory,
                struct output **ret, struct machine_error *error);

/** Returns the descriptor for standard output (1) or error (2) of the payload. Borrowed. */
int output_stream(const struct output *output, int number);

/** Logs the output on the terminal of the machine as well, and shows it to those who attach at
 * `socket` (watchers.h), until output_drain(). The caller keeps the descriptor. Returns 0 or
 * -errno. */
int output_follow(struct output *output, int terminal, const char *socket);

/** Writes a line of the supervisor to the log. */
void output_say(struct output *output, const char *text);

/** Reopens the log file if it was moved or removed, instead of with the next line. */
void output_reopen(struct output *output);

/** Reads the rest of the output after the machine has ended. */
void output_drain(struct output *output);

void output_free(struct output *output);

DEFINE_CLEANUP(struct output *, output_free, cleanup_output)
#define _cleanup_output_ _cleanup_(cleanup_output)

#endif
