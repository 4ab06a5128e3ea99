/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_OBSTACLE_H
#define NETWORK_OBSTACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/* What of the host's other firewalls is in the way. A packet passes only if every table accepts
 * it: our own accept cannot. */

/** Whose words the command that mends it is in. */
enum obstacle_owner {
        OBSTACLE_PLAIN, /* nobody's that is known */
        OBSTACLE_DOCKER,
        OBSTACLE_UFW,
        OBSTACLE_FIREWALLD,
};

/** A chain of the host that drops what is forwarded, unless a rule lets it pass. */
struct obstacle {
        bool legacy;    /* in iptables' own tables of the kernel, which are not nf_tables' */
        uint8_t family; /* NFPROTO_INET, NFPROTO_IPV4 or NFPROTO_IPV6 */
        char *table;
        char *chain;
        enum obstacle_owner owner;
};

struct obstacle_list {
        struct obstacle *items;
        size_t count;
};

void obstacle_list_clear(struct obstacle_list *list);

#define _cleanup_obstacle_list_ _cleanup_(obstacle_list_clear)

/** Adds one; the texts are copied. 0 or -ENOMEM. */
int obstacle_list_add(struct obstacle_list *list, const struct obstacle *obstacle);

/** Adds the chains of nf_tables, where iptables of today lives too, asked of the kernel over
 * netlink. Tables that name the bridge in a rule are left out, and so is our own. 0 or -errno. */
int obstacle_find_nftables(const char *own, const char *bridge, struct obstacle_list *list);

/** Adds the FORWARD chains of iptables-legacy and ip6tables-legacy likewise. A table that nobody
 * uses is not loaded for the question. 0 or -errno. */
int obstacle_find_legacy(const char *bridge, struct obstacle_list *list);

/** Works out the owner from the chains that are beside an obstacle: has(data, name) tells whether
 * there is one of that name. */
enum obstacle_owner obstacle_find_owner(bool (*has)(const void *data, const char *name),
                                        const void *data);

/** The command that lets a bridge's packets pass. The caller frees it; NULL when memory is short.
 */
char *obstacle_mend(const struct obstacle *obstacle, const char *bridge);

/** How a table is spoken of: "nftables table \"inet x\"". The caller frees it; NULL likewise. */
char *obstacle_describe(const struct obstacle *obstacle);

#endif
