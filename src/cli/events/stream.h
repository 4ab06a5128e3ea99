/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_EVENTS_STREAM_H
#define CLI_EVENTS_STREAM_H

#include <stdbool.h>

#include "state/store.h"

/** Reads the log of events (state/event_log.h) line by line, from the older file on, and across
 * replacements of the files. */
struct event_stream {
        const struct state_store *store; /* borrowed */
        int inotify;                     /* readable when there may be new lines */
        int fd;                          /* of the file that is read, or -EBADF */
        bool old;                        /* it is the older one */
        char *text;                      /* what was read and not returned */
        size_t length, taken;
};

#define EVENT_STREAM_INIT                       \
        {                                       \
                .inotify = -EBADF, .fd = -EBADF \
        }

/** Opens the stream. Returns 0 or -errno with error set; the caller closes it in any case. */
int event_stream_open(struct event_stream *stream, const struct state_store *store,
                      struct machine_error *error);
void event_stream_close(struct event_stream *stream);

/** Gets the next line, without its end. Returns 1 with *ret borrowed until the next call, 0 if
 * there is none yet, or -errno. */
int event_stream_next(struct event_stream *stream, char **ret);

/** Empties the inotify descriptor, before the lines that it announces are read. */
void event_stream_acknowledge(struct event_stream *stream);

#endif
