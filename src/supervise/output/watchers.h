/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_OUTPUT_WATCHERS_H
#define SUPERVISE_OUTPUT_WATCHERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/process/event.h"

/*
 * Those who have attached to the terminal of a machine in the background (`attach`). Each connects
 * to a socket that only the machine's owner may open, and gets the terminal's descriptor, on which
 * it types and sets the size. What the terminal prints is sent to it, because only one process can
 * read that.
 */
struct watchers;

/** The largest packet of output. */
#define WATCHERS_PACKET 4096

/** What the watchers ask of the reader of the terminal. */
struct watchers_reader {
        void (*pause)(bool paused, void *data); /* one of them takes no more output at present */
        /** The incomplete line that the terminal shows, such as a prompt. */
        const char *(*line)(size_t *ret_length, void *data);
        void *data;
};

/** Listens on the socket, which replaces one that a crash has left. The terminal is borrowed.
 * Returns 0 or -errno; the caller frees *ret with watchers_free(). */
int watchers_listen(struct event_loop *loop, const char *socket, int terminal,
                    const struct watchers_reader *reader, struct watchers **ret);

/** Sends output to all. One that takes none for ten seconds is disconnected. */
void watchers_tell(struct watchers *watchers, const char *text, size_t length);

/** Disconnects all and removes the socket. NULL is allowed. */
void watchers_free(struct watchers *watchers);

#endif
