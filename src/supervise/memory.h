/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_MEMORY_H
#define SUPERVISE_MEMORY_H

#include "base/event.h"
#include "launch/launch.h"

/** Watches for processes of a machine that the kernel kills for lack of memory: each is told at
 *  once, with its name, and counted in the machine's record. */
struct memory_watch;

/** Told what happened, in words for the user: "out of memory (..): the kernel killed ..". */
typedef void (*memory_handler)(const char *message, void *data);

/**
 * Begins to watch. Where the group has no memory controller nothing can be watched and no limit can
 * be met: *ret is NULL, which the other functions take. The loop and the
 * launch have to outlive the watch. 0 or -errno.
 */
int memory_watch_start(struct event_loop *loop, struct launch *launch, memory_handler handler,
                       void *data, struct memory_watch **ret, struct machine_error *error);

/**
 * Looks once more when the machine has ended, since the kernel's notification may come later than
 * the death. With the payload's exit status of 137 (SIGKILL) and a kill for memory, the record's
 * reason says so. Before the group is removed.
 */
void memory_watch_settle(struct memory_watch *watch, int exit_status);

/** Stops watching. NULL is allowed. */
void memory_watch_free(struct memory_watch *watch);

DEFINE_CLEANUP(struct memory_watch *, memory_watch_free, cleanup_memory_watch)
#define _cleanup_memory_watch_ _cleanup_(cleanup_memory_watch)

#endif
