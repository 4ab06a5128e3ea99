/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SYSTEMD_COMMAND_H
#define SYSTEMD_COMMAND_H

#include <sys/types.h>

/**
 * Starts a command of systemd's with signals as they are by default and without NOTIFY_SOCKET:
 * what it says is not its caller's word. output becomes its standard output; with -EBADF what it
 * prints, errors too, is dropped. Standard input is empty. 0 or -errno.
 */
int systemd_spawn(char *const *command, int output, pid_t *ret);

#endif
