/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RUNTIME_COMMON_NOTIFY_H
#define RUNTIME_COMMON_NOTIFY_H

#include "runtime/common/container.h"

/* Readiness: what a container reports is passed on to the service manager of the caller
 * (NOTIFY_SOCKET, sd_notify(3)), as far as it concerns the service. No process stays for that. */

/** Whether the caller has a service manager that wants to know. */
bool notify_is_wanted(void);

/** *ret is the socket of a container that is about to start, which the caller closes; -EBADF if
 * nobody wants to know, or did when it was created. 0 or -errno with error set. */
int notify_open(const struct container *container, int *ret, struct machine_error *error);

/** Waits until a container is ready or has ended. The service manager then takes its first process,
 * or the one that it names, for the service's main process. */
void notify_await(int socket, const struct container *container);

/** Passes on a message that has come in. The main process stays that of the caller. */
void notify_pass_on(int socket);

/** Passes on what a container has said that has ended. */
void notify_end(int socket);

#endif
