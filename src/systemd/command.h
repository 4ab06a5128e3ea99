/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SYSTEMD_COMMAND_H
#define SYSTEMD_COMMAND_H

#include <sys/types.h>

/**
 * Starts a command of systemd with default signal handling and without NOTIFY_SOCKET, so that it
 * cannot send notifications for the caller. output becomes its standard output; with -EBADF its
 * output and errors are discarded. Standard input is empty. A caller in a user's own user namespace
 * starts it with the user's id, as which the bus knows him. Returns 0 or -errno.
 */
int systemd_spawn(char *const *command, int output, pid_t *ret);

#endif
