/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_STATE_H
#define NETWORK_STATE_H

#include <stdint.h>

#include <machine/machine.h>

#include "base/error.h"
#include "base/process.h"
#include "network/address.h"

/** The state of machines that are on no bridge: it keeps their hosts files' owners. A network
 * cannot have this name. */
#define NETWORK_STATE_UNBRIDGED "@unbridged"

/**
 * A machine's place in a network. Without an owner (pid 0) its addresses are only remembered, so
 * that it finds them again.
 */
struct network_lease {
        char *machine;
        char *hostname;
        char *domainname; /* or NULL */
        char **hosts;     /* the definition's own entries, "NAME:ADDRESS" */
        struct network_address address;
        struct network_address address6;
        bool shared;   /* the addresses are those of another lease of this network */
        bool attached; /* peers see it, its ports are published */
        char *link;    /* host's side of its veth, or NULL */
        struct process_identity owner;
        uint64_t used; /* the state's sequence when it was last leased: the oldest goes first */
        struct machine_port *ports;
        size_t port_count;
};

/** What is known of one network while machines use it, and their leases. */
struct network_state {
        char *name;
        char *bridge; /* NULL: of NETWORK_STATE_UNBRIDGED, or not yet used */
        bool foreign; /* the bridge is the user's */
        bool internal;
        bool isolated;
        uint64_t mtu; /* 0: the kernel's default */
        struct network_prefix subnet;
        struct network_prefix subnet6;
        struct network_address gateway; /* none: no way out by this family */
        struct network_address gateway6;
        /* Not 0: the rules may hold ports of a machine that is gone. A number of `sequence`, by
         * which whoever set it knows whether there was another since. */
        uint64_t stale;
        uint64_t sequence;
        struct network_lease *leases;
        size_t lease_count;
};

void lease_clear(struct network_lease *lease);
void network_state_free(struct network_state *state);

DEFINE_CLEANUP(struct network_state *, network_state_free, cleanup_network_state)
#define _cleanup_network_state_ _cleanup_(cleanup_network_state)

/** Makes an empty state with the name. NULL when memory is short. */
struct network_state *network_state_new(const char *name);

/**
 * Loads the state of a network from its file NAME.json in the room's directory. A missing file
 * gives an empty state. -EBADMSG for a damaged file or one of another version, with an error that
 * names it: never a guess. path is the room's directory, for messages.
 */
int network_state_load(int directory_fd, const char *path, const char *name,
                       struct network_state **ret, struct machine_error *error);

/** Replaces the file, whole or not at all; a state without leases, whose rules are good, removes
 * it. */
int network_state_save(int directory_fd, const char *path, const struct network_state *state,
                       struct machine_error *error);

/** The names of all networks with a state, sorted. The caller frees them. */
int network_state_names(int directory_fd, char ***ret);

/** The lease of a machine, or NULL. */
struct network_lease *network_state_find(const struct network_state *state, const char *machine);

/** Adds an empty lease for a machine; the pointer is good until the next change. NULL when memory
 * is short. */
struct network_lease *network_state_add(struct network_state *state, const char *machine);

/** Removes a lease. */
void network_state_remove(struct network_state *state, struct network_lease *lease);

/** Whether the lease's owner runs. */
bool lease_is_live(const struct network_lease *lease);

/** Whether any lease's owner runs. */
bool network_state_is_live(const struct network_state *state);

#endif
