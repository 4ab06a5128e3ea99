/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_FIREWALL_GUARD_H
#define NETWORK_FIREWALL_GUARD_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "network/state/table.h"

/*
 * Rules that keep a machine from sending with addresses that are not its own: a table of family
 * bridge, with the name of the inet table, that checks each frame from a machine's link. The rules
 * are constant; machines are elements of their sets.
 */

/** The set of guarded links. */
#define GUARD_LINKS "guarded"

#define GUARD_KEY_SIZE (IF_NAMESIZE + 16)

/** A set element of a lease, in the kernel's representation. */
struct guard_element {
        const char *set;
        uint8_t key[GUARD_KEY_SIZE];
        size_t length;
};

#define GUARD_ELEMENTS_MAXIMUM 5

/** Lists the elements of a lease in the order of their sets; none if the lease is not guarded. */
size_t guard_list(const struct network_lease *lease,
                  struct guard_element ret[static GUARD_ELEMENTS_MAXIMUM]);

/** Packs the key of a link in GUARD_LINKS. */
void guard_pack_link(const char *link, struct guard_element *ret);

/** Whether any attached lease is guarded. */
bool guard_is_needed(const struct network_table *leases);

/** Writes commands that create the table with the elements of all attached leases. */
void guard_write_table(FILE *file, const char *table, const struct network_table *leases);

/** Writes commands that remove the table. */
void guard_write_removal(FILE *file, const char *table);

#endif
