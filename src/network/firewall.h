/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_FIREWALL_H
#define NETWORK_FIREWALL_H

#include <stdbool.h>

#include "base/error.h"
#include "network/elements.h"

/* What is set up in the kernel's packet filter, asked of the kernel itself: nft's output is for
 * people and changes. */

/** Whether our table is there. 0 or -errno. */
int firewall_has_table(const char *table, bool *ret);

/** Whether a map of our table has a key. 0, or -errno; a table or map that is missing has none. */
int firewall_has_key(const char *table, const char *map, const struct element_key *key, bool *ret);

/** About which bridge firewall_warn() is asked. */
struct firewall_question {
        const char *table; /* our own */
        const char *bridge;
        bool own; /* we made the bridge */
        bool ipv4;
        bool ipv6;
};

/**
 * Appends a sentence for each firewall of the host that drops what is forwarded by default and has
 * no rule that names the bridge, with the command that mends it: a packet passes only if every
 * table accepts it, so ours cannot. firewalld is asked to trust the bridge where it is our own, and
 * then needs no sentence. 0 or -errno.
 */
int firewall_warn(const struct firewall_question *question, char ***warnings);

#endif
