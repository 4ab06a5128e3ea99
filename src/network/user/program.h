/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_USER_PROGRAM_H
#define NETWORK_USER_PROGRAM_H

#include <sys/types.h>

/** A network program that is about to be started. Borrowed. */
struct network_program {
        const char *const *command; /* of which one argument is PROGRAM_NAMESPACE */
        const char *log_path;       /* an existing file of the user, for its standard error */
        int namespace_fd;
};

/** Stands in a command for the path of the network namespace. */
#define PROGRAM_NAMESPACE "NAMESPACE"

/**
 * Starts a network program, which is nobody's child: it outlives the caller. It sees the namespace
 * and the log where Debian's AppArmor profile of pasta(1) allows it to open them, in a mount
 * namespace of its own. Returns its pid, or -errno.
 */
pid_t network_program_start(const struct network_program *start);

#endif
