/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_ROOM_H
#define NETWORK_ROOM_H

#include "network/forwarding.h"
#include "network/interface.h"
#include "network/netlink.h"
#include "network/state.h"

/**
 * What every operation of this room works with, while it holds the room's one lock: networks share
 * the nftables table, bridges and the host's ports, so one lock for all of them leaves no window.
 */
struct network_room {
        char *path; /* RUNTIME/network */
        int directory_fd;
        int lock_fd;
        char *table;   /* the nftables table's name */
        char *tag;     /* begin of the aliases of this runtime directory's links */
        bool standard; /* the runtime directory is the usual one: names need no hash of it */
        struct nl_sock *socket;
        struct interface_list interfaces;
        struct forwarding forwarding;
        struct network_state **states; /* of all networks that are known */
        size_t state_count;
        char **dead_links; /* host sides of links of leases whose owner is gone */
        bool stale;        /* the rules may hold what no live machine has */
};

#define NETWORK_ROOM_INIT                                 \
        {                                                 \
                .directory_fd = -EBADF, .lock_fd = -EBADF \
        }

/** Takes the lock, loads all states and turns the leases of owners that are gone into remembered
 * ones. Ended by room_close(). */
int room_open(const char *runtime_directory, struct network_room *ret, struct machine_error *error);

/** Lists the host's interfaces and loads what was switched on in its kernel: what a room needs for
 * anything but names. */
int room_look_at_host(struct network_room *room, struct machine_error *error);

/** Both at once. */
int room_open_host(const char *runtime_directory, struct network_room *ret,
                   struct machine_error *error);

void room_close(struct network_room *room);

#define _cleanup_room_ _cleanup_(room_close)

/** The state of a network, made where it is not known. NULL when memory is short. */
struct network_state *room_state(struct network_room *room, const char *name);

/** The lease of a machine in any network, and its state. NULL where there is none. */
struct network_lease *room_find_lease(const struct network_room *room, const char *machine,
                                      struct network_state **ret_state);

/** Notes that the rules hold what no lease stands for any more. */
void room_mark_stale(struct network_room *room, struct network_state *state);

/** Turns a lease, whose owner is gone or lets go, into a remembered address; one without an address
 * of its own is removed. */
void room_prune_lease(struct network_room *room, struct network_state *state,
                      struct network_lease *lease);

/** Saves a state. */
int room_save(struct network_room *room, const struct network_state *state,
              struct machine_error *error);

/** The tag of a link: network and, where it is a machine's, machine. The caller frees it; NULL when
 * memory is short. */
char *room_tag(const struct network_room *room, const char *network, const char *machine);

/** The name of the file under hosts/ with a machine's hosts text. The caller frees it. */
char *room_hosts_path(const struct network_room *room, const char *machine);

/** Lists the host's interfaces again. */
int room_refresh_interfaces(struct network_room *room, struct machine_error *error);

#endif
