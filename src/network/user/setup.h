/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_USER_SETUP_H
#define NETWORK_USER_SETUP_H

#include "base/error.h"

/* What the caller's network namespace needs once, as that of a user's machines. */

/** The tap interface that the network program serves, and the addresses on it, of a range that no
 * network should use (RFC 2544). Those of the program (gateway, name server) are where
 * slirp4netns(1) has them. */
#define USER_UPLINK          "uplink0"
#define USER_UPLINK_ADDRESS  "198.18.255.100"
#define USER_UPLINK_SUBNET   "198.18.255.0/24"
#define USER_UPLINK_LENGTH   24
#define USER_UPLINK_GATEWAY  "198.18.255.2"
#define USER_UPLINK_RESOLVER "198.18.255.3"
#define USER_UPLINK_ADDRESS6 "fd00::100"
#define USER_UPLINK_LENGTH6  64
#define USER_UPLINK_GATEWAY6 "fd00::2"

/** The largest packet of the tap; small ones cost most of its speed. */
#define USER_UPLINK_MTU 65520

/** The mark of packets for a socket with a client's address, see network/forward. */
#define USER_TRANSPARENT_MARK 1

/** Enables forwarding, and delivers marked packets to this namespace whatever their destination
 * is. Returns 0 or -errno with error set. */
int user_network_set_up(struct machine_error *error);

/**
 * Makes the way out, if there is none: a persistent tap with addresses and the default routes. It
 * exists before and after the program that serves it: in between the kernel asks for the gateway
 * and keeps the first packets, for five seconds, and no connection fails. Returns 0 or -errno with
 * error set.
 */
int user_network_set_up_uplink(struct machine_error *error);

/** Whether a program serves the way out, that is, has opened the tap. */
bool user_network_is_served(void);

#endif
