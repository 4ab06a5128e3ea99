/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_ENTER_COPY_TREE_H
#define LAUNCH_ENTER_COPY_TREE_H

#include <stdbool.h>

#include <machine/error.h>

/* The two ends of a copy, over a SOCK_SEQPACKET socket. A root is the descriptor of a directory in
 * which paths are resolved as in a machine (base/path.h); "/" for the host. */
struct copy_end {
        int socket;
        int root_fd;
        const char *path;
        bool archive; /* all metadata is kept, and FIFOs and sockets are copied */
        bool on_host;
};

/** Sends the file or directory at the path. Returns 0 or -errno; -EPIPE without an error if the
 * other end has exited. */
int copy_send(const struct copy_end *end, struct machine_error *error);

/** Creates at the path what is received. Returns 0 or -errno; -EPIPE without an error if the other
 * end exited too early. */
int copy_receive(const struct copy_end *end, struct machine_error *error);

/** The last component of a path, without trailing slashes. NULL if out of memory; the caller frees
 * it. */
char *copy_last_component(const char *path);

#endif
