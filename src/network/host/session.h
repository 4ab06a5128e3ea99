/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_HOST_SESSION_H
#define NETWORK_HOST_SESSION_H

#include "network/host/forwarding.h"
#include "network/netlink/interface.h"
#include "network/netlink/netlink.h"
#include "network/netlink/route.h"
#include "network/state/details.h"
#include "network/state/table.h"

/**
 * The networks and leases, opened under their lock for one operation. Networks share the nftables
 * table, bridges and the host's ports, so there is one lock for all of them.
 */
struct network_session {
        char *path; /* RUNTIME/network */
        int directory_fd;
        int lock_fd;
        char *table;   /* the nftables table's name */
        char *tag;     /* prefix of the aliases of this runtime directory's links */
        bool standard; /* the default runtime directory: names need no hash */
        bool user;     /* of a user's machines, in a network namespace of their own */
        struct network_address outside, outside6; /* then the host, as they reach it */
        const struct route *outside_routes;       /* and the host's routes, borrowed */
        size_t outside_route_count;
        char boot_id[37];
        struct network_table leases;
        bool pruned; /* owners have exited without releasing their leases */
        struct nl_sock *socket;
        struct interface_list interfaces; /* those that were looked up, or all */
        struct forwarding forwarding;
};

#define NETWORK_SESSION_INIT                                                             \
        {                                                                                \
                .directory_fd = -EBADF, .lock_fd = -EBADF, .leases = NETWORK_TABLE_INIT, \
        }

/** Takes the lock and opens the table. *ret_fresh: nothing is known of what is on the host. The
 * caller ends it with network_session_close(), which drops what was not saved. */
int network_session_lock(const char *runtime_directory, struct network_session *ret,
                         bool *ret_fresh, struct machine_error *error);

/** Loads the recorded kernel settings of the host, as needed by everything but names. */
int network_session_look_at_host(struct network_session *session, struct machine_error *error);

/** Opens a copy of the table for reading only, as any user: without the lock and without pruning
 * the leases of dead owners. Before the first machine with a network it is empty. The caller ends
 * it with network_session_close(). */
int network_session_look(const char *runtime_directory, struct network_session *ret,
                         struct machine_error *error);

void network_session_close(struct network_session *session);

#define _cleanup_network_session_ _cleanup_(network_session_close)

/** Saves all changes. */
void network_session_save(struct network_session *session);

/** The tag of a link: the network and, for a machine's link, the machine. The caller frees it; NULL
 * if out of memory. */
char *network_session_tag(const struct network_session *session, const char *network,
                          const char *machine);

/** Finds an interface of the host by its name; the kernel is asked unless it is already known. NULL
 * if there is none. Borrowed until the next call. */
const struct interface *network_session_find_interface(struct network_session *session,
                                                       const char *name);

/** Lists all interfaces of the host. */
int network_session_list_interfaces(struct network_session *session, struct machine_error *error);

#endif
