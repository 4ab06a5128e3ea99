/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_UNPACK_WORKER_MESSAGE_H
#define IMAGE_UNPACK_WORKER_MESSAGE_H

#include <sys/socket.h>

#include "image/unpack/worker.h"

/* Messages between the executable that has the store and the one that unpacks. */

/** The server's end of the socket, an inherited descriptor. */
#define WORKER_SOCKET 3

/** The message of a job: it says which descriptors are attached. */
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
