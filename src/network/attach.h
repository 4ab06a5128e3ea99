/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_ATTACH_H
#define NETWORK_ATTACH_H

#include <machine/machine.h>

#include "base/process/process.h"
#include "network/forward/forward.h"
#include "network/netlink/address.h"
#include "network/netlink/route.h"
#include "network/state/claim.h"
#include "network/state/port.h"

/** The attachment of one machine to its networks, held by its supervisor: that of eth0, which has
 * the others. */
struct network {
        struct network *first; /* that of eth0 */
        struct network **further;
        size_t further_count;
        unsigned int index; /* of the link: eth0, eth1, .. */
        enum machine_network_mode mode;
        char *runtime_directory;
        char *machine; /* name */
        char *name;    /* of the state that holds the lease */
        struct process_identity owner;
        char *mac; /* or NULL: derived */
        uint64_t mtu;
        bool internal;
        char *parent; /* interface below a macvlan or ipvlan */
        char *address;
        char *address6;
        char *hosts;
        char *hosts_text;
        int shared_fd; /* the shared namespace of modes machine and path */
        bool rejoins;  /* the machine's own one, kept by the machines that share it, .. */
        bool kept;     /* .. with its link, .. */
        bool same_ids; /* .. and the user namespace that owns it */
        uint64_t user_base;
        int own_fd;      /* the supervisor's, while the thread is in shared_fd */
        bool same_ports; /* .. and with the same ports as before */
        unsigned int attachments;
        struct port_reservation ports;
        struct claim claim;
        int inside_fd; /* the network namespace of a user's machines, or -EBADF: root's */
        struct forward_sockets sockets; /* of a user's machine */
        struct forward_target target;
        struct forwarder *forwarder;
        bool started_uplink;       /* the network program */
        struct route *host_routes; /* of the host, for a user's machine */
        size_t host_route_count;
        char **warnings;
};

struct network_request;

/** What a definition says of one link. */
struct network_link {
        const char *network;
        const char *address;
        const char *address6;
        const char *mac;
        uint64_t mtu;
        char *const *aliases;
};

/** That of eth0, eth1, ..; without a network if the machine has no such link, or no bridge. */
struct network_link network_link_of(const struct machine *machine, unsigned int index);

/** An attachment that has not been prepared, freed by network_free(). NULL if out of memory. */
struct network *network_new(const struct network_request *request, unsigned int index);

/** Opens the namespace that the machine shares: that of a running machine, or one with a path; none
 * in other modes. Returns 0 or -errno with error set. */
int network_open_shared(struct network *network, const struct network_request *request,
                        struct machine_error *error);

/** Attaches a machine to its bridge. */
int attach_to_bridge(struct network *network, int namespace_fd, struct machine_error *error);

/** Creates a macvlan or ipvlan on the host's interface and configures it. */
int attach_to_parent(struct network *network, int namespace_fd, struct machine_error *error);

#endif
