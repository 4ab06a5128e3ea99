/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_HOST_NAMESPACE_H
#define NETWORK_HOST_NAMESPACE_H

#include "base/error.h"
#include "network/netlink/address.h"

/** The configuration of a machine's network namespace. Addresses of family 0 are skipped. */
struct namespace_settings {
        bool interface;      /* configure a link, not only the loopback interface: .. */
        unsigned int index;  /* .. eth0, eth1, .. */
        const char *made_as; /* its current name, or NULL for that one */
        bool automatic;      /* accept router advertisements: macvlan and ipvlan */
        struct network_address address;
        unsigned int length;
        struct network_address address6;
        unsigned int length6;
        struct network_address gateway;
        struct network_address gateway6;
};

/**
 * Configures the network namespace: loopback and, if requested, a link with addresses and default
 * routes. The calling thread enters the namespace and returns, so nothing inside needs to
 * cooperate. Returns 0, or -errno with error set.
 */
int namespace_configure(int namespace_fd, const struct namespace_settings *settings,
                        struct machine_error *error);

/** Removes eth0, eth1, .. from a network namespace, to be replaced. Succeeds if there is none. */
int namespace_clear(int namespace_fd, unsigned int index, struct machine_error *error);

/** Opens the calling thread's network namespace. Returns a descriptor or -errno. */
int namespace_open_own(void);

#endif
