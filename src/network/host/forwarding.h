/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_HOST_FORWARDING_H
#define NETWORK_HOST_FORWARDING_H

#include "base/error.h"
#include "network/firewall/rules.h"
#include "network/netlink/interface.h"

/**
 * Kernel settings of the host that were changed for machines, recorded in the file "@host" of the
 * network directory, so that the end of the last machine restores them.
 *
 * If forwarding is disabled, it is enabled per interface and not for the whole host: writing
 * net.ipv4.ip_forward=0 while it is 0 already, as a reload of sysctl.d does, then changes nothing.
 * IPv6 supports this since Linux 6.17 (force_forwarding); on older kernels it is enabled for all
 * interfaces, and those that accept router advertisements keep doing so (accept_ra=2).
 */
struct forwarding {
        struct rules_opened opened;
        char **localnet;  /* user's bridges for which route_localnet was enabled */
        char **accept_ra; /* interfaces whose accept_ra was changed from 1 to 2 */
        bool all_ipv6;    /* net.ipv6.conf.all.forwarding was enabled */
        bool changed;     /* differs from the file */
};

void forwarding_clear(struct forwarding *forwarding);

#define _cleanup_forwarding_ _cleanup_(forwarding_clear)

/** Loads the file; without one the struct is empty. */
int forwarding_load(int directory_fd, struct forwarding *ret, struct machine_error *error);

/** Saves it if it changed. */
int forwarding_save(int directory_fd, struct forwarding *forwarding, struct machine_error *error);

/** What needs forwarding. */
struct forwarding_need {
        const struct interface_list *interfaces; /* of the host; may lack the bridge */
        const char *bridge;
        bool foreign;    /* the bridge is the user's */
        const char *tag; /* prefix of the aliases of our own links */
        bool ipv4;
        bool ipv6;
};

/** Enables forwarding for a bridge and for the host's external interfaces. */
int forwarding_open(struct forwarding *forwarding, const struct forwarding_need *need,
                    struct machine_error *error);

/** Enables access from the host to ports published at 127.0.0.1 through the bridge. */
int forwarding_open_localnet(struct forwarding *forwarding, const char *bridge, bool foreign,
                             struct machine_error *error);

/** Restores all settings that were changed. */
void forwarding_undo(struct forwarding *forwarding);

#endif
