/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_GUEST_H
#define NETWORK_GUEST_H

#include "base/error.h"
#include "network/address.h"

/** What the machine's side of a network gets. Addresses of family 0 are left out. */
struct guest_settings {
        bool interface;      /* eth0 is there: bring it up; else the loopback alone */
        const char *made_as; /* the name that it has so far; NULL: eth0 */
        bool automatic;      /* router advertisements are welcome: macvlan and ipvlan */
        struct network_address address;
        unsigned int length;
        struct network_address address6;
        unsigned int length6;
        struct network_address gateway;
        struct network_address gateway6;
};

/**
 * Configures the network namespace: loopback and, where told, eth0 with addresses and default
 * routes. The calling thread visits the namespace, so that nothing inside has to help; 0 or -errno
 * with an error.
 */
int guest_configure(int namespace_fd, const struct guest_settings *settings,
                    struct machine_error *error);

/** Opens the calling thread's network namespace. A descriptor or -errno. */
int guest_own_namespace(void);

#endif
