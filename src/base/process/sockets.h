/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_PROCESS_SOCKETS_H
#define BASE_PROCESS_SOCKETS_H

#include <stdbool.h>

/** Whether the kernel can do what follows. */
bool sockets_can_be_closed(void);

/**
 * Keeps the calling process, and all that it creates, from connecting to abstract Unix sockets of
 * other processes, which belong to the network namespace and have no permissions (Landlock, Linux
 * 6.12). The process has CAP_SYS_ADMIN in its user namespace. Returns 0, -EOPNOTSUPP if the kernel
 * cannot do it, or another -errno.
 */
int sockets_close_abstract(void);

#endif
