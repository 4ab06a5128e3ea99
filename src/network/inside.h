/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_INSIDE_H
#define NETWORK_INSIDE_H

#include "network/attach.h"
#include "network/host/session.h"
#include "network/user/record.h"

/* A user's machines: the network namespace in which root's code works for them, and what the
 * supervisor does for them in the host's, where it stays. */

/** A machine that is about to be prepared: the fields of a struct network_request. Borrowed. */
struct inside_request {
        const struct machine *machine;
        const struct network_definition *definition;
        bool rehearsal;
};

/** The record of a user's networks, under the lock of the network directory. */
struct inside_record {
        char *path;
        int directory_fd, lock_fd;
        struct user_record record;
};

#define INSIDE_RECORD_INIT                                \
        {                                                 \
                .directory_fd = -EBADF, .lock_fd = -EBADF \
        }

/** Takes the lock and loads the record. Returns 0; -ENOENT, with an error, if no machine has had a
 * network; or another -errno with error set. The caller ends it with inside_unlock(). */
int inside_lock(const char *runtime_directory, struct inside_record *ret,
                struct machine_error *error);
void inside_unlock(struct inside_record *locked);

#define _cleanup_inside_record_ _cleanup_(inside_unlock)

/**
 * Opens or makes the namespace for a machine that is about to be prepared, under the lock of the
 * session: binds its ports on the host, becomes a member, makes the way out and starts the network
 * program. Does nothing for root and for modes without a bridge. Undone by inside_close(). Returns
 * 0 or -errno with error set.
 */
int inside_open(struct network *network, struct network_session *session,
                const struct inside_request *request, struct machine_error *error);

/** Stops forwarding, leaves the namespace and ends its network program with its last member. */
void inside_close(struct network *network);

/** Runs a function where the machine's network is: for root in the host's namespace, directly. */
int inside_call(const struct network *network, int (*act)(void *data, struct machine_error *error),
                void *data, struct machine_error *error);

/** The same for the networks of a runtime directory, without a machine. A user without a running
 * machine has no namespace: the function runs in a new one, in which there is nothing. */
int inside_visit(const char *runtime_directory, int (*act)(void *data, struct machine_error *error),
                 void *data, struct machine_error *error);

/** Ends network programs without a member. */
void inside_collect(const char *runtime_directory);

#endif
