/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_RULES_H
#define NETWORK_RULES_H

#include <stdio.h>

#include "network/state.h"

/*
 * The text of the one nftables table that this program has, of family inet. Its rules are the same
 * whatever runs; machines and networks are elements of its sets and maps, so that a start costs one
 * element per port however many machines there are.
 */

/** Interfaces on which forwarding was switched on for machines only. */
struct rules_opened {
        char **ipv4;
        char **ipv6;
};

/** Writes a transaction that replaces the table by one with the elements of all attached leases of
 * the networks. */
void rules_write_table(FILE *file, const char *table, struct network_state *const *states,
                       size_t count, const struct rules_opened *opened);

/** Writes a transaction that removes the table. */
void rules_write_removal(FILE *file, const char *table);

/** Writes commands that add a network's bridge; adding one that is there changes nothing. */
void rules_write_bridge(FILE *file, const char *table, const struct network_state *state);

/** Writes commands that add the interfaces on which forwarding was switched on. */
void rules_write_opened(FILE *file, const char *table, const struct rules_opened *opened);

#endif
