/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_WATCH_HEALTH_OUTPUT_H
#define SUPERVISE_WATCH_HEALTH_OUTPUT_H

#include <sys/types.h>

#include "base/process/event.h"

/** The amount of output that is kept: its end, which mostly shows the cause. */
#define HEALTH_OUTPUT_MAXIMUM 2048

/** Reads standard output and error of a health check from one pipe. */
struct health_output {
        struct event_source *source;
        int fd; /* the reading end */
        char text[HEALTH_OUTPUT_MAXIMUM];
        size_t length;
};

/** Creates the pipe. *ret_fd is the writing end for the check, which the caller closes; owner may
 * reopen it in the machine. Returns 0 or -errno. */
int health_output_open(struct health_output *output, struct event_loop *loop, uid_t owner,
                       int *ret_fd);

/** Stops reading, if started. Returns the output with non-printable characters escaped, or NULL if
 * there is none; the caller frees it. */
char *health_output_close(struct health_output *output);

#endif
