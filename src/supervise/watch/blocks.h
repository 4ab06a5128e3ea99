/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_WATCH_BLOCKS_H
#define SUPERVISE_WATCH_BLOCKS_H

#include "base/process/event.h"
#include "launch/launch.h"

/** Watches for blocks of verified disk images that were changed: the kernel finds them when they
 * are read, and names them in its log. */
struct block_watch;

/** Called with a message for the user about each block: "data block 3 of the image .. ". */
typedef void (*block_handler)(const char *message, void *data);

/**
 * Starts watching. What was found before, by other machines of the image as well, is reported at
 * once. *ret is NULL for a machine without verified images, and if the kernel's log cannot be read.
 * Returns 0 or -errno with error set.
 */
int block_watch_start(struct event_loop *loop, struct launch *launch, block_handler handler,
                      void *data, struct block_watch **ret, struct machine_error *error);

/** Stops watching. watch may be NULL. */
void block_watch_free(struct block_watch *watch);

DEFINE_CLEANUP(struct block_watch *, block_watch_free, cleanup_block_watch)
#define _cleanup_block_watch_ _cleanup_(cleanup_block_watch)

#endif
