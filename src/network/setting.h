/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_SETTING_H
#define NETWORK_SETTING_H

#include <stdbool.h>
#include <sys/socket.h>

/* Settings of interfaces in /proc/sys/net, which shows the network namespace of the thread that
 * opens it. An interface is a name, "all" or "default". */

/** Reads a number. 0, -ENOENT where this kernel has no such setting, or -errno. */
int setting_read(sa_family_t family, const char *interface, const char *key, int *ret);

/** Writes a number where another one stands. 0, or -errno as for setting_read(). */
int setting_write(sa_family_t family, const char *interface, const char *key, int value);

/** Whether this network namespace has IPv6 and it is not switched off. */
bool setting_has_ipv6(void);

#endif
