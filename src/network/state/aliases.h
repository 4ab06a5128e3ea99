/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_STATE_ALIASES_H
#define NETWORK_STATE_ALIASES_H

#include "network/state/table.h"

/*
 * Further names of machines in a network: a record of the table for each lease that has any, so
 * that the names of all machines are known without reading a file of each.
 */

/** Sets the further names of a lease, after removing those that it has. Returns 0, -ENAMETOOLONG,
 * -ENOMEM, or -ENOSPC with a full table. */
int aliases_set(struct network_table *table, struct network_lease *lease, char *const *names);

/** The further names of a lease, separated by spaces, or "". */
const char *aliases_of(const struct network_table *table, const struct network_lease *lease);

#endif
