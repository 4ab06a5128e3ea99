/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_FIREWALL_FIREWALL_H
#define NETWORK_FIREWALL_FIREWALL_H

#include <stdbool.h>

#include "base/error.h"
#include "network/firewall/set_elements.h"

/* The state of the kernel's packet filter, read from the kernel itself: nft's output is not a
 * stable interface. */

/** Whether our table of a family (NFPROTO_INET, NFPROTO_BRIDGE) exists. Returns 0 or -errno. */
int firewall_has_table(const char *table, uint8_t family, bool *ret);

/** Whether a map of our table has a key; a missing table or map has none. Returns 0 or -errno. */
int firewall_has_key(const char *table, const char *map, const struct set_element_key *key,
                     bool *ret);

/** Whether our rules check the frames of a link. Returns 0 or -errno. */
int firewall_has_guard(const char *table, const char *link, bool *ret);

/** The bridge that firewall_warn() checks. */
struct firewall_question {
        const char *table; /* our own */
        const char *bridge;
        bool own; /* the bridge is ours */
        bool ipv4;
        bool ipv6;
};

/**
 * Appends a warning for each firewall of the host that drops forwarded packets by default and has
 * no rule that names the bridge, with the command that fixes it. If the bridge is our own,
 * firewalld is asked to trust it instead. Returns 0 or -errno.
 */
int firewall_warn(const struct firewall_question *question, char ***warnings);

#endif
