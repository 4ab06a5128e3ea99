/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_FORWARD_TRANSPARENT_H
#define NETWORK_FORWARD_TRANSPARENT_H

#include <sys/socket.h>

#include "base/error.h"

/* Sockets that may have addresses of other hosts (IP_TRANSPARENT of ip(7)). */

/** Opens one without an address, non-blocking. Returns the descriptor or -errno. */
int transparent_open(sa_family_t family, int type);

/** Checks that this network namespace allows them. Returns 0 or -errno with error set. */
int transparent_check(struct machine_error *error);

#endif
