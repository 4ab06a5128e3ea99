/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_PREPARE_H
#define NETWORK_PREPARE_H

#include "network/attach.h"
#include "network/host/session.h"
#include "network/network.h"

/* The preparation of one link of a machine: eth0, eth1, .. */

/* Shared by the steps of one preparation. */
struct preparation {
        const struct network_request *request;
        struct network *network;
        struct network_session *session;
        struct network_state *state;
        struct network_lease *lease;
        struct network_lease *before; /* the last run's lease, if the network was kept */
        struct lease_details details; /* of the definition */
        bool same_ports;              /* it publishes them already */
};

/** The name of a mode in definitions. */
const char *prepare_mode_name(enum machine_network_mode mode);

/** Sets an error: no room in the table. */
int prepare_fail_full(const struct preparation *preparation, struct machine_error *error);

/** A lease in another network keeps nothing of the old one. */
void prepare_leave_before(struct preparation *preparation);

/** The lease of the last run, if the new one takes its place; its names go from the files. */
struct network_lease prepare_take_last_run(struct preparation *preparation);

/** Decides whether the link of the last run stays. */
void prepare_settle_place(struct preparation *preparation, const struct network_lease *last);

/** What peers and clean-up need beyond the record, and the machine's hosts file. */
int prepare_take_details(struct preparation *preparation, struct machine_error *error);

/** Warns that ports of a machine without an address of its own are not published. */
int prepare_warn_of_ports(struct network *network, const struct machine *machine,
                          struct machine_error *error);

/** Prepares a machine that has no bridge. */
int prepare_unbridged(struct preparation *preparation, struct machine_error *error);

/** A machine that shares the network of the prepared one follows it: to other addresses, or to
 * another network. */
int prepare_update_sharers(struct preparation *preparation, const struct network_lease *lease,
                           struct machine_error *error);

/** Gives a machine that shares another one's network the names of the further networks of that. */
int prepare_share_links(struct preparation *preparation, struct machine_error *error);

/** Ends the leases of further links that the machine, or one that shares its network, no longer
 * has. */
void prepare_drop_links(struct preparation *preparation);

#endif
