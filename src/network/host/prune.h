/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_HOST_PRUNE_H
#define NETWORK_HOST_PRUNE_H

#include "network/host/session.h"

/** Takes the lock, opens the table, completes what a crash has interrupted, and prunes the leases
 * of owners that have exited. The caller ends it with network_session_close(), which drops what was
 * not saved. */
int network_session_open(const char *runtime_directory, struct network_session *ret,
                         struct machine_error *error);

/** The same, and looks at the host. */
int network_session_open_host(const char *runtime_directory, struct network_session *ret,
                              struct machine_error *error);

/** Turns a lease, whose owner has exited or releases it, into a remembered address; removes it if
 * it has no address of its own. What it leaves on the host is removed with network/host/ending.h.
 */
void network_session_prune_lease(struct network_session *session, struct network_lease *lease);

/** Forgets networks without leases. Done when a session begins; not in the middle of a start. */
void network_session_drop_networks(struct network_session *session);

#endif
