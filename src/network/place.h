/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_PLACE_H
#define NETWORK_PLACE_H

#include "network/address.h"
#include "network/network.h"
#include "network/port.h"
#include "network/state.h"

/** What struct network is: a machine's place, held by its supervisor between the room's calls. */
struct network {
        enum machine_network_mode mode;
        char *runtime_directory;
        char *machine; /* name */
        char *name;    /* of the state that holds the lease */
        struct process_identity owner;
        char *mac; /* or NULL: derived */
        uint64_t mtu;
        char *parent; /* interface of macvlan and ipvlan */
        char *address;
        char *address6;
        char *hosts;
        char *hosts_text;
        int shared_fd; /* the namespace of modes machine and path */
        int own_fd;    /* the supervisor's, while the thread is in shared_fd */
        unsigned int attachments;
        struct port_reservation ports;
        struct network_lease released; /* what was published, from the release on */
        uint64_t stale;                /* the mark that its network got for it; 0: none */
        char **warnings;
};

/** Connects a machine to its bridge. */
int place_attach_bridge(struct network *network, int namespace_fd, struct machine_error *error);

/** Puts a macvlan or ipvlan on the host's interface and configures it. */
int place_attach_parent(struct network *network, int namespace_fd, struct machine_error *error);

#endif
