/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_ENTER_COPY_ITEM_H
#define LAUNCH_ENTER_COPY_ITEM_H

#include <limits.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include <machine/error.h>

/* The messages between the two ends of a copy, over a SOCK_SEQPACKET socket. */

/* The maximum depth of directories: each level needs a call and a descriptor. */
#define COPY_DEPTH_MAXIMUM 256

enum item_type {
        ITEM_FILE,      /* followed by a descriptor of its content */
        ITEM_LINK,      /* with a target */
        ITEM_SPECIAL,   /* a FIFO or a socket */
        ITEM_HARD_LINK, /* a hard link to an item that was sent, by its number */
        ITEM_ENTER,     /* a directory, whose content follows */
        ITEM_LEAVE,
        ITEM_END,
};

/** Owner, times and mode are those in the sender's user namespace. */
struct item {
        enum item_type type;
        mode_t mode;
        uid_t uid;
        gid_t gid;
        struct timespec times[2]; /* of the last access and modification, for utimensat(2) */
        uint32_t number;          /* of an item with several hard links, counted from 1; else 0 */
        char name[NAME_MAX + 1];
        char target[PATH_MAX];
};

/** Two descriptors go with an item, each -EBADF if there is none. */
struct item_files {
        int content;
        int attributes; /* bytes of base/tree/attributes.h */
};

#define ITEM_FILES_INIT                                 \
        {                                               \
                .content = -EBADF, .attributes = -EBADF \
        }

void item_files_close(struct item_files *files);
#define _cleanup_item_files_ _cleanup_(item_files_close)

/** Sends an item; the caller keeps the descriptors. Returns 0, -EPIPE without an error if the other
 * end has exited, or another -errno with an error. */
int item_send(int socket, const struct item *item, const struct item_files *files,
              struct machine_error *error);

/** Receives an item; the caller owns the descriptors. Returns 0, -EPIPE as above, -EBADMSG for an
 * invalid item, or another -errno with an error. */
int item_receive(int socket, struct item *ret, struct item_files *ret_files,
                 struct machine_error *error);

#endif
