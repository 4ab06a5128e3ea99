/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_FORWARDING_H
#define NETWORK_FORWARDING_H

#include "base/error.h"
#include "network/interface.h"
#include "network/rules.h"

/**
 * What was switched on in the host's kernel because machines need it, kept in the file "@host" of
 * the room's directory, so that the last machine's end switches it off again.
 *
 * Forwarding is switched on per interface and not for the whole host where it is off: writing
 * net.ipv4.ip_forward=0 where it is 0 already, as a reload of sysctl.d does, changes nothing then.
 * IPv6 has that from Linux 6.17 on (force_forwarding); before, it is switched on for all
 * interfaces, and those that take router advertisements go on doing so (accept_ra=2).
 */
struct forwarding {
        struct rules_opened opened;
        char **localnet;  /* bridges of the user's on which route_localnet was switched on */
        char **accept_ra; /* interfaces that went from accept_ra 1 to 2 */
        bool all_ipv6;    /* net.ipv6.conf.all.forwarding was switched on */
        bool changed;     /* differs from the file */
};

void forwarding_clear(struct forwarding *forwarding);

#define _cleanup_forwarding_ _cleanup_(forwarding_clear)

/** Loads the file; a missing one gives an empty struct. */
int forwarding_load(int directory_fd, struct forwarding *ret, struct machine_error *error);

/** Saves it where it changed. */
int forwarding_save(int directory_fd, struct forwarding *forwarding, struct machine_error *error);

/** For whom forwarding is needed. */
struct forwarding_need {
        const struct interface_list
                *interfaces; /* of the host; the bridge need not be among them */
        const char *bridge;
        bool foreign;    /* the bridge is the user's */
        const char *tag; /* begin of the aliases of this program's own links */
        bool ipv4;
        bool ipv6;
};

/** Switches forwarding on for a bridge and for the interfaces that lead out of the host. */
int forwarding_open(struct forwarding *forwarding, const struct forwarding_need *need,
                    struct machine_error *error);

/** Lets the host reach ports published at 127.0.0.1 through the bridge. */
int forwarding_open_localnet(struct forwarding *forwarding, const char *bridge, bool foreign,
                             struct machine_error *error);

/** Switches everything off again that was off before. */
void forwarding_undo(struct forwarding *forwarding);

#endif
