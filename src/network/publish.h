/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_PUBLISH_H
#define NETWORK_PUBLISH_H

#include "network/host/session.h"
#include "network/state/port.h"

/** The ports of a machine, and the lease and network that they are published with. */
struct publication {
        const struct network_session *session;
        const struct network_state *state;
        const struct network_lease *lease;
        const struct lease_details *details;
        bool same; /* as those that the machine publishes already */
};

/** Checks that ports can be published and that no other machine publishes them, then reserves them
 * on the host unless ret is NULL. Returns 0 or -errno with an error that names the port and its
 * user. */
int publish_ports(const struct publication *publication, struct port_reservation *ret,
                  struct machine_error *error);

/** The second of these checks alone; `kept`: only for machines whose network is kept by another
 * one, so that no process holds their ports. */
int publish_check_others(const struct publication *publication, bool kept,
                         struct machine_error *error);

/** Sets the error for a port that could not be bound, with the process that has it or the way out.
 * Returns `number`. */
int publish_explain(const struct port_conflict *conflict, int number, struct machine_error *error);

#endif
