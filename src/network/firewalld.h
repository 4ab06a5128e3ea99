/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_FIREWALLD_H
#define NETWORK_FIREWALLD_H

/**
 * Asks firewalld over D-Bus to put an interface into its zone "trusted", until it is reloaded.
 * 0, or -errno where there is no bus, no firewalld on it, or it refuses.
 */
int firewalld_trust(const char *interface);

/**
 * Calls `reloaded` when firewalld is ready and after each reload of it, which forgets what it was
 * asked for until then.
 * Returns only when that is no longer possible: -errno, as above.
 */
int firewalld_follow(void (*reloaded)(void *data), void *data);

#endif
