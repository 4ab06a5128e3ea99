/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_SANDBOX_H
#define IMAGE_SANDBOX_H

#include <machine/error.h>

/* Where archives of unknown origin are read: a process that sees one directory and no network, and
 * may call what unpacking takes and nothing else. It stays root of the host's user namespace,
 * because only that may set trusted.* attributes, any owner and device nodes. */

/** The namespaces that the server of workers leaves once for all of them, and a private mount
 *  table. 0 or -errno. */
int sandbox_leave_host(struct machine_error *error);

/**
 * Makes a directory the whole file system of the calling process, mounted nodev, nosuid, noexec.
 * The process has a mount namespace of its own. place_fd is a directory to mount over. directory_fd
 * is in the same mount namespace, or -EBADF: an empty file system that cannot be written. 0 or
 * -errno.
 */
int sandbox_enter(int place_fd, int directory_fd, struct machine_error *error);

/** Drops capabilities, sets limits and the filter of system calls. 0 or -errno. */
int sandbox_confine(struct machine_error *error);

#endif
