/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_COPY_TREE_H
#define LAUNCH_COPY_TREE_H

#include <machine/error.h>

/* The two ends of a copy, over a SOCK_SEQPACKET socket. A root is a directory's descriptor below
 * which paths are looked up as in a machine (base/path.h), "/" for the host. */

/** Sends what is at the path, and all below it. 0 or -errno; -EPIPE without an error where the
 *  other end has gone. */
int copy_send(int socket, int root_fd, const char *path, struct machine_error *error);

/** Makes what comes in at the path. 0 or -errno; -EPIPE without an error where the other end went
 *  before it was done. */
int copy_receive(int socket, int root_fd, const char *path, struct machine_error *error);

#endif
