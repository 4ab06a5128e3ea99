/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_REQUEST_H
#define SUPERVISE_REQUEST_H

#include <stdbool.h>
#include <sys/signalfd.h>

/**
 * Asks the supervisor of a machine to stop it: with the machine's stop signal and its timeout, or
 * immediately. The supervisor may be a `run` in the foreground, which forwards other signals to the
 * payload. Returns 0, also if the supervisor has exited, or -errno.
 */
int request_stop(int supervisor, bool now);

/** Whether a signal is such a request; the second one means immediately. */
bool request_is_stop(const struct signalfd_siginfo *info);

#endif
