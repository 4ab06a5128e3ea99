/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_WATCH_MEMORY_H
#define SUPERVISE_WATCH_MEMORY_H

#include "base/process/event.h"
#include "launch/launch.h"

/** Watches for out-of-memory kills in a machine: reports each with the name of the process, and
 * counts them in the record of the machine. */
struct memory_watch;

/** Called with a message for the user: "out of memory (..): the kernel killed ..". */
typedef void (*memory_handler)(const char *message, void *data);

/**
 * Starts watching. If the control group has no memory controller *ret is NULL, which the other
 * functions accept. The loop and the launch have to outlive the watch. Returns 0 or -errno with
 * error set.
 */
int memory_watch_start(struct event_loop *loop, struct launch *launch, memory_handler handler,
                       void *data, struct memory_watch **ret, struct machine_error *error);

/**
 * Checks once more after the machine has ended, because the notification of the kernel may arrive
 * later, and before the group is removed. If the payload was killed by SIGKILL and there was an
 * out-of-memory kill, that becomes the reason in the record.
 */
void memory_watch_settle(struct memory_watch *watch, int exit_status);

/** Stops watching. watch may be NULL. */
void memory_watch_free(struct memory_watch *watch);

DEFINE_CLEANUP(struct memory_watch *, memory_watch_free, cleanup_memory_watch)
#define _cleanup_memory_watch_ _cleanup_(cleanup_memory_watch)

#endif
