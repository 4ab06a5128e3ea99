/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_COPY_H
#define LAUNCH_COPY_H

#include <stdbool.h>

#include "state/record.h"

/**
 * Copies a file, a link or a directory between the host and a machine that runs or is paused.
 *
 * Two processes do it: one on the host with the caller's rights, and one that is root of the
 * machine's user namespace and of nothing else, so that no path of the machine leads to what the
 * machine could not reach itself. They hand each other open files.
 *
 * What is at `to`: a directory gets the copy under its old name; else that name is made, and a file
 * or link that has it is replaced. Links below `from` are copied as links. Copies belong to root of
 * the side they are on, without set-user-ID and set-group-ID bits.
 */
struct copy_request {
        const struct machine_record *record;
        int init; /* pidfd of the machine's first process */
        bool into_machine;
        const char *from;
        const char *to;
};

/** 0, or -errno with an error that names the path. What was copied until then stays. */
int launch_copy(const struct copy_request *request, struct machine_error *error);

#endif
