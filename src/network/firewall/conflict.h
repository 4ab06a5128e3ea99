/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_FIREWALL_CONFLICT_H
#define NETWORK_FIREWALL_CONFLICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/* Other firewalls of the host that conflict with our rules. A packet passes only if every table
 * accepts it, so an accept in ours is not enough. */

/** The firewall whose command resolves the conflict. */
enum conflict_owner {
        CONFLICT_PLAIN, /* none that is known */
        CONFLICT_DOCKER,
        CONFLICT_UFW,
        CONFLICT_FIREWALLD,
};

/** A chain of the host that drops forwarded packets by default. */
struct firewall_conflict {
        bool legacy;    /* a table of iptables-legacy, not of nf_tables */
        uint8_t family; /* NFPROTO_INET, NFPROTO_IPV4 or NFPROTO_IPV6 */
        char *table;
        char *chain;
        enum conflict_owner owner;
};

struct conflict_list {
        struct firewall_conflict *items;
        size_t count;
};

void conflict_list_clear(struct conflict_list *list);

#define _cleanup_conflict_list_ _cleanup_(conflict_list_clear)

/** Appends a copy. Returns 0 or -ENOMEM. */
int conflict_list_add(struct conflict_list *list, const struct firewall_conflict *conflict);

/** Appends the conflicting chains of nf_tables, which include those of iptables-nft, as read from
 * the kernel over netlink. Skips our own table and tables with a rule that names the bridge.
 * Returns 0 or -errno. */
int conflict_find_nftables(const char *own, const char *bridge, struct conflict_list *list);

/** Appends the FORWARD chains of iptables-legacy and ip6tables-legacy. Does not load tables that
 * are not in use. Returns 0 or -errno. */
int conflict_find_legacy(const char *bridge, struct conflict_list *list);

/** Determines the owner from the other chains of the table: has(data, name) returns whether there
 * is a chain of that name. */
enum conflict_owner conflict_find_owner(bool (*has)(const void *data, const char *name),
                                        const void *data);

/** The command that lets the bridge's packets pass. The caller frees it; NULL if out of memory. */
char *conflict_command(const struct firewall_conflict *conflict, const char *bridge);

/** Describes the table for messages: "the firewall table \"inet x\"". The caller frees it; NULL if
 * out of memory. */
char *conflict_describe(const struct firewall_conflict *conflict);

#endif
