/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_STATE_STATE_H
#define NETWORK_STATE_STATE_H

#include <net/if.h>
#include <stdint.h>

#include <machine/machine.h>

#include "base/error.h"
#include "base/process/process.h"
#include "network/netlink/address.h"
#include "network/netlink/link.h"

/*
 * The records of the table of networks (network/state/table.h). They are as they lie in the file:
 * of fixed size, without pointers. A record that is all zero is free.
 */

/** The state of machines without a bridge: it holds the owners of their hosts files. No network can
 * have this name. */
#define NETWORK_STATE_UNBRIDGED "@unbridged"

/** Room for a name of a machine, network, host or domain, which have at most 64 characters. */
#define NETWORK_NAME_SIZE 65

/** Room for all aliases of a machine in a network. */
#define NETWORK_ALIASES_SIZE (MACHINE_ALIASES_MAXIMUM + 1)

enum record_kind {
        RECORD_FREE,
        RECORD_HOST,    /* the first record, and only that: struct network_host */
        RECORD_NETWORK, /* struct network_state */
        RECORD_LEASE,   /* struct network_lease */
        RECORD_ENDING,  /* a struct network_lease that was released, see network/ending.h */
        RECORD_ALIASES, /* struct network_aliases */
};

/** What the networks of a host have in common. */
struct network_host {
        uint32_t kind;
        bool stale;        /* the rules may contain elements that no record tells of */
        bool sweep;        /* so may the host's links */
        uint64_t sequence; /* of leases taken and released */
};

/** A network, as its machines use it. */
struct network_state {
        uint32_t kind;
        char name[NETWORK_NAME_SIZE];
        char bridge[IF_NAMESIZE]; /* "": NETWORK_STATE_UNBRIDGED, or not used yet */
        char made[IF_NAMESIZE];   /* the bridge that was made for it and must be removed, or "" */
        bool foreign;             /* the bridge is the user's */
        bool internal;
        bool isolated;
        bool spoofing; /* its machines' links are not guarded */
        uint64_t mtu;  /* 0: the kernel's default */
        struct network_prefix subnet;
        struct network_prefix subnet6;
        struct network_address gateway; /* none: no route to the outside */
        struct network_address gateway6;
};

/** Which file is a machine's /etc/hosts: network/host/names.h. */
enum lease_names {
        LEASE_NAMES_OWN,    /* one of its own */
        LEASE_NAMES_SHARED, /* that of all machines of its network with the same entries */
};

/** Further names of a machine in a network: network/state/aliases.h. */
struct network_aliases {
        uint32_t kind;
        uint32_t lease; /* the number of its record */
        char machine[NETWORK_NAME_SIZE];
        char names[NETWORK_ALIASES_SIZE]; /* separated by spaces */
};

/**
 * A machine's lease in a network. Without an owner (pid 0) it only remembers the addresses for the
 * machine's next start.
 */
struct network_lease {
        uint32_t kind;
        uint32_t network; /* the number of its network's record */
        char machine[NETWORK_NAME_SIZE];
        char hostname[NETWORK_NAME_SIZE];   /* or "" */
        char domainname[NETWORK_NAME_SIZE]; /* or "" */
        char shares[NETWORK_NAME_SIZE]; /* with mode machine: the machine whose network it shares */
        struct network_address address;
        struct network_address address6;
        bool shared;                /* the addresses belong to another lease of this network */
        bool attached;              /* visible to peers, with its ports published */
        bool guarded;               /* frames with other source addresses are dropped at the link */
        bool ruled;                 /* the rules may have elements of it */
        bool listed;                /* its names are in the hosts files of the network */
        bool detailed;              /* it has ports or hosts entries: network/state/details.h */
        bool ports;                 /* .. ports */
        bool kept;                  /* another machine, which shares its network, keeps it */
        uint8_t names;              /* enum lease_names */
        uint8_t mode;               /* enum machine_network_mode */
        char link[IF_NAMESIZE];     /* host side of its veth, or "" */
        uint8_t mac[LINK_MAC_SIZE]; /* of the machine's side, if guarded */
        struct process_identity owner;
        uint64_t entries;    /* a hash of its hosts entries, 0: none */
        uint64_t descriptor; /* if it shares: the owner's descriptor of the network namespace, .. */
        uint64_t user_base;  /* .. the first id of the user namespace that owns that; 0: none */
        uint64_t place;      /* a hash of the link's parameters; if they change, it is made anew */
        uint64_t used;       /* the sequence at the last lease: the lowest is dropped first */
        /* What earlier programs leave as it is, zero: */
        uint8_t index; /* of the machine's link: eth0, eth1, .. */
        bool aliased;  /* it has further names: struct network_aliases */
};

/** Whether a network has a bridge. */
static inline bool network_has_bridge(const struct network_state *state)
{
        return state->bridge[0] != '\0';
}

/** Whether the lease's owner is running. */
bool lease_is_live(const struct network_lease *lease);

/** Whether a lease belongs to a process. */
bool lease_is_of(const struct network_lease *lease, const struct process_identity *owner);

/** Copies a text into a record. Returns 0, or -ENAMETOOLONG if it does not fit. NULL is "". */
int record_set_text(char *place, size_t size, const char *text);

#endif
