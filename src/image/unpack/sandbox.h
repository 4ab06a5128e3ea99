/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_UNPACK_SANDBOX_H
#define IMAGE_UNPACK_SANDBOX_H

#include <machine/error.h>

/* The sandbox for archives of unknown origin: a process that sees one directory and no network, and
 * is limited to the system calls that unpacking needs. It stays root of the host's user namespace,
 * because only that may set trusted.* attributes, arbitrary owners and device nodes. */

/** Leaves the host's namespaces, once for all workers of the server, and makes the mount table
 * private. Returns 0 or -errno. */
int sandbox_leave_host(struct machine_error *error);

/**
 * Makes a directory the root of the calling process, mounted nodev, nosuid, noexec. The process has
 * its own mount namespace. place_fd is a directory to mount over. directory_fd is in the same mount
 * namespace, or -EBADF for an empty read-only file system. Returns 0 or -errno.
 */
int sandbox_enter(int place_fd, int directory_fd, struct machine_error *error);

/** Drops capabilities, sets limits and the system call filter. Returns 0 or -errno. */
int sandbox_confine(struct machine_error *error);

#endif
