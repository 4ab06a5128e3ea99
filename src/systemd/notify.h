/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SYSTEMD_NOTIFY_H
#define SYSTEMD_NOTIFY_H

#include <stdint.h>

/**
 * Tells the service manager what sd_notify(3) describes, "READY=1\nSTATUS=..", over the socket that
 * NOTIFY_SOCKET of the environment names. Plain datagrams: no library is needed. Does nothing, and
 * returns 0, where there is no such socket; else 0 or -errno.
 */
int systemd_notify(const char *state);

/** Half the interval in which the service manager wants to hear from this process (WATCHDOG_USEC),
 *  in microseconds, or 0: it does not. */
uint64_t systemd_watchdog_interval(void);

#endif
