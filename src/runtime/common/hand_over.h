/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RUNTIME_COMMON_HAND_OVER_H
#define RUNTIME_COMMON_HAND_OVER_H

#include <sys/types.h>

#include <machine/error.h>

#include "runtime/common/arguments.h"

/** A process of a container that has not reached its program yet. The descriptors are borrowed. */
struct waiting_process {
        pid_t pid;
        int pidfd;
        int terminal; /* the master side, or -EBADF */
};

/** Gives a caller what its options ask for: the terminal to --console-socket, the pidfd to
 * --pidfd-socket, and the pid in --pid-file. 0 or -errno with error set. */
int hand_over_process(const struct arguments *arguments, const struct waiting_process *process,
                      struct machine_error *error);

#endif
