/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_WORKER_MESSAGE_H
#define IMAGE_WORKER_MESSAGE_H

#include <sys/socket.h>

#include "image/worker.h"

/* What goes over the socket between the executable that has the store and the one that unpacks. */

/** The server's end, with which it is started. */
#define WORKER_SOCKET 3

/** What a job's descriptors look like on the way: those that it has, and which they are. */
struct worker_message {
        struct worker_job job;
        uint8_t which[WORKER_FDS];
        uint8_t count;
};

union worker_control {
        struct cmsghdr header;
        char space[CMSG_SPACE(WORKER_FDS * sizeof(int))];
};

#endif
