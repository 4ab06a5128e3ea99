/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_OUTPUT_H
#define SUPERVISE_OUTPUT_H

#include <machine/machine.h>

#include "base/event.h"

/**
 * What a machine prints, on its way from two pipes to where logs are kept. Lines are written whole;
 * a payload that prints faster than they are kept waits, so that nothing is lost and nothing
 * gathers in memory.
 */
struct output;

/**
 * Opens the log of a machine as `log` of its definition says (AUTO: the journal where one runs,
 * else a file) and watches its streams. The caller frees *ret with output_free().
 */
int output_open(struct event_loop *loop, const struct machine *machine, const char *log_directory,
                struct output **ret, struct machine_error *error);

/** The descriptor that is to be the payload's 1 or 2. Borrowed. */
int output_stream(const struct output *output, int number);

/** Keeps what comes from a machine's terminal as well, until output_drain(). The descriptor stays
 * the caller's. 0 or -errno. */
int output_follow(struct output *output, int terminal);

/** Writes a line of the supervisor's own into the log. */
void output_say(struct output *output, const char *text);

/** Takes what is left in the pipes: the machine has ended. */
void output_drain(struct output *output);

void output_free(struct output *output);

DEFINE_CLEANUP(struct output *, output_free, cleanup_output)
#define _cleanup_output_ _cleanup_(cleanup_output)

#endif
