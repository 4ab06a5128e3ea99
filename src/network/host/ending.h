/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_HOST_ENDING_H
#define NETWORK_HOST_ENDING_H

#include "network/host/session.h"

/*
 * What released leases leave on the host: a link, and elements of the rules. The kernel takes tens
 * of milliseconds to remove a link, as it waits for an RCU grace period, and ten to commit the
 * removal of an element, but no longer for a thousand of them. So a release only adds a record, and
 * one process in the background removes what all records that it finds tell of: it has the turn,
 * until it finds none.
 */

/** Adds a record for a lease that is released; nothing if it leaves nothing. */
void ending_add(struct network_session *session, struct network_lease *lease);

/** Whether there are any. */
bool ending_is_needed(const struct network_session *session);

/** Takes the turn. Returns a descriptor, whose end gives it up, or -EWOULDBLOCK if another process
 * has it: that one will find all records that were saved before the caller gives up the lock. */
int ending_take_turn(const struct network_session *session);

/** Removes the links of all records, without the lock. */
void ending_remove_links(const char *runtime_directory);

/** Removes what is left of all records, and these. The host has been looked at. If the rules are
 * not as expected they become stale. Returns 0, or -errno with error set. */
int ending_process(struct network_session *session, struct machine_error *error);

/** Makes the ports of a machine that is about to be attached its own, if a record still has them.
 * Returns 0 or -errno. */
int ending_yield_ports(struct network_session *session, const struct network_lease *lease,
                       const struct lease_details *details);

#endif
