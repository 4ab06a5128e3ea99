/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_WATCH_HOST_RESOLVER_H
#define SUPERVISE_WATCH_HOST_RESOLVER_H

#include "base/process/event.h"

/**
 * Changes of the files that name the host's name servers, for all supervisors that share a runtime
 * directory. The kernel allows a user 128 inotify instances, root too (inotify(7),
 * fs.inotify.max_user_instances), so one supervisor watches the files and tells the others through
 * a FIFO, on which it holds a lock (flock(2)). When it ends, for whatever reason, the FIFO has no
 * writer any more, and the first of the others to get the lock takes over.
 */
struct host_resolver;

/** number is 0 if the files may have changed, or -errno if they are not watched from now on. */
typedef void (*host_resolver_handler)(int number, void *data);

/** Starts watching; the handler is called once before this returns, as the files may have changed
 * before that. Returns 0 or -ENOMEM. */
int host_resolver_watch(struct event_loop *loop, const char *runtime, host_resolver_handler handler,
                        void *data, struct host_resolver **ret);

/** Stops watching. watch may be NULL. */
void host_resolver_free(struct host_resolver *watch);

#endif
