/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_FIREWALL_FIREWALLD_H
#define NETWORK_FIREWALL_FIREWALLD_H

#include <machine/error.h>

/* firewalld over D-Bus, by machinectl-lite-firewalld. */

/** Asks firewalld to add an interface to its zone "trusted"; this lasts until a reload. Returns 0,
 * or -errno if there is no bus, no firewalld on it, or it refuses. */
int firewalld_trust(const char *interface);

/**
 * Calls `reloaded` when firewalld is ready and after each of its reloads, which drop runtime
 * changes. Returns only when that is no longer possible: -errno with error set.
 */
int firewalld_follow(void (*reloaded)(void *data), void *data, struct machine_error *error);

#endif
