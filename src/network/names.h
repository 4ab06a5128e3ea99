/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_NAMES_H
#define NETWORK_NAMES_H

#include "network/room.h"

/* The texts by which a machine knows names: /etc/hosts and /etc/resolv.conf. */

/**
 * The hosts text of a lease: loopback, the machine itself, host.internal at the network's gateway,
 * the definition's entries, and the attached peers. 0 or -ENOMEM; the caller frees *ret.
 */
int names_write_hosts(const struct network_state *state, const struct network_lease *lease,
                      char **ret);

/**
 * Writes a machine's hosts file. A file that is there keeps its inode, to which the machine's bind
 * mount points. 0, or -errno with an error.
 */
int names_update(const struct network_room *room, const struct network_state *state,
                 const struct network_lease *lease, struct machine_error *error);

/** Writes the hosts files of all live machines of a network. */
int names_update_all(const struct network_room *room, const struct network_state *state,
                     struct machine_error *error);

/** Which name servers a machine can reach. */
struct names_reach {
        bool loopback; /* the host's own: it shares the host's network */
        bool ipv4;
        bool ipv6;
        bool nowhere; /* no way out: servers of the host are of no use */
};

/**
 * The resolv.conf text from the definition's servers and domains and, where it gives none, those of
 * host_text (the host's file) or, when that names servers on the loopback only, of upstream_text
 * (systemd-resolved's; may be NULL). *ret_lost tells that the host's servers are all out of reach.
 * 0 or -ENOMEM; the caller frees *ret.
 */
int names_write_resolv_conf(const struct machine_network *network, const struct names_reach *reach,
                            const char *host_text, const char *upstream_text, char **ret,
                            bool *ret_lost);

#endif
