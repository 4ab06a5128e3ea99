/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_STATE_SETTING_H
#define NETWORK_STATE_SETTING_H

#include <stdbool.h>
#include <sys/socket.h>

/* Settings of interfaces in /proc/sys/net, which shows the network namespace of the thread that
 * opens it. `interface` is a name, "all" or "default". */

/** Reads a number. Returns 0, -ENOENT if this kernel lacks the setting, or -errno. */
int setting_read(sa_family_t family, const char *interface, const char *key, int *ret);

/** Writes a number if it differs. Returns 0, or -errno as for setting_read(). */
int setting_write(sa_family_t family, const char *interface, const char *key, int value);

/** Whether this network namespace has IPv6 enabled. */
bool setting_has_ipv6(void);

#endif
