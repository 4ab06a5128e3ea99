/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SYSTEMD_NOTIFY_H
#define SYSTEMD_NOTIFY_H

#include <stdint.h>

/**
 * Sends a message such as "READY=1" to the service manager, see sd_notify(3). Needs no library.
 * Returns 0, also if NOTIFY_SOCKET is not set, or -errno.
 */
int systemd_notify(const char *state);

/** Waits until the service manager has handled what was sent before, at most a number of
 * milliseconds: a sender that has ended by then may not be recognized any more. */
void systemd_notify_barrier(int timeout);

/** Returns half of the watchdog interval (WATCHDOG_USEC) in microseconds, or 0 if the service
 * manager does not watch this process. */
uint64_t systemd_watchdog_interval(void);

#endif
