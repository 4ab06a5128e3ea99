/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EXPORTER_LISTEN_H
#define EXPORTER_LISTEN_H

#include <machine/error.h>

#define LISTEN_MAXIMUM 8

/** Sockets on which requests arrive. */
struct listeners {
        int fds[LISTEN_MAXIMUM];
        int count;
};

void listeners_close(struct listeners *listeners);
#define _cleanup_listeners_ _cleanup_(listeners_close)

/** Takes the sockets that the service manager has passed on (sd_listen_fds(3)): none are no error.
 * Returns 0 or -errno with error set. */
int listeners_take(struct listeners *listeners, struct machine_error *error);

/** Listens on "ADDRESS:PORT"; the address of IPv6 is in brackets. Port 0 is one that is free.
 * Returns 0 or -errno with error set. */
int listeners_add(struct listeners *listeners, const char *place, struct machine_error *error);

/** "127.0.0.1:9749", or NULL for a socket without address or if out of memory. The caller frees it.
 */
char *listeners_name(int fd);

#endif
