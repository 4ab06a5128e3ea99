/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_PROCESS_EVENT_H
#define BASE_PROCESS_EVENT_H

#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "base/cleanup.h"

/**
 * An event loop over epoll(7) for descriptors, signals (signalfd) and timers (timerfd): an idle
 * process does not wake up. A handler returns 0 or a negative errno; the latter ends event_run(),
 * which returns it.
 */
struct event_loop;
struct event_source;

/** events is a mask of EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP; a source may be added with EPOLLET.
 */
typedef int (*event_fd_handler)(struct event_source *source, int fd, uint32_t events, void *data);
typedef int (*event_signal_handler)(struct event_source *source,
                                    const struct signalfd_siginfo *info, void *data);
typedef int (*event_timer_handler)(struct event_source *source, void *data);

/** Creates a loop. Returns 0 or -errno. The caller frees it with event_loop_free(). */
int event_loop_new(struct event_loop **ret);

/** Frees a loop and all its sources, but does not close descriptors that were added. */
void event_loop_free(struct event_loop *loop);

DEFINE_CLEANUP(struct event_loop *, event_loop_free, cleanup_event_loop)
#define _cleanup_event_loop_ _cleanup_(cleanup_event_loop)

/** Watches a descriptor. ret may be NULL. Returns 0 or -errno. */
int event_add_fd(struct event_loop *loop, int fd, uint32_t events, event_fd_handler handler,
                 void *data, struct event_source **ret);

/** Changes the events that a descriptor's source waits for; 0 disables it. Returns 0 or -errno. */
int event_set_events(struct event_source *source, uint32_t events);

/** Watches a set of signals, which the caller has blocked. Returns 0 or -errno. */
int event_add_signals(struct event_loop *loop, const sigset_t *signals,
                      event_signal_handler handler, void *data, struct event_source **ret);

/** Creates a disarmed timer. Returns 0 or -errno. */
int event_add_timer(struct event_loop *loop, event_timer_handler handler, void *data,
                    struct event_source **ret);

/** Arms a timer to expire once after this many microseconds (CLOCK_MONOTONIC); USEC_INFINITY
 * disarms it. */
int event_set_timer(struct event_source *timer, uint64_t usec);

/** Removes a source; a handler may remove any source, even its own. NULL is allowed. */
void event_remove(struct event_source *source);

/** Runs until event_exit() or a handler's error. Returns the code given to event_exit(), or
 * -errno. */
int event_run(struct event_loop *loop);

/** Makes event_run() return `code` after the current handler. */
void event_exit(struct event_loop *loop, int code);

#endif
