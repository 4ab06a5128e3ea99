/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_FIREWALL_RULES_H
#define NETWORK_FIREWALL_RULES_H

#include <stdio.h>

#include "network/state/details.h"

/*
 * The text of this program's nftables table of family inet. Its rules are constant; machines and
 * networks are elements of its sets and maps, so that a start costs one element per port however
 * many machines run.
 */

/** Interfaces for which forwarding was enabled for machines only. */
struct rules_opened {
        char **ipv4;
        char **ipv6;
};

/** Writes a transaction that replaces the table, with the elements of all attached leases, whose
 * details are in the network directory. Returns 0 or -errno. */
int rules_write_table(FILE *file, const char *table, const struct network_table *leases,
                      int directory_fd, const struct rules_opened *opened);

/** Writes commands that add, to a new table of a user's network namespace, the rule for published
 * ports: packets for a socket of the namespace that has a client's address get the mark by which
 * they are delivered (tproxy.txt of the kernel). */
void rules_write_transparent(FILE *file, const char *table, unsigned int mark);

/** Writes a transaction that removes the table. */
void rules_write_removal(FILE *file, const char *table);

/** Writes commands that add a network's bridge; adding it again changes nothing. */
void rules_write_bridge(FILE *file, const char *table, const struct network_state *state);

/** Writes commands that add the interfaces for which forwarding was enabled. */
void rules_write_opened(FILE *file, const char *table, const struct rules_opened *opened);

#endif
