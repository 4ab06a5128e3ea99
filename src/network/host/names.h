/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_HOST_NAMES_H
#define NETWORK_HOST_NAMES_H

#include "network/host/session.h"

/*
 * The machines' /etc/hosts: files below hosts/ in the network directory, bind-mounted read-only.
 *
 * The machines of a network with the same entries share one file, which lists every attached
 * machine: a start appends to it, a stop blanks its lines. A machine has a file of its own, in
 * which its own names come first, if a machine of its network that started earlier has one of them,
 * if one of its entries has, if it shares another machine's network, if it has several networks,
 * and if it sees no peers. With several networks the file lists the machines of all of them, so
 * that one that is in two of these has its addresses in both.
 */

/**
 * The hosts text of a machine without peers: loopback, its own names, the definition's entries.
 * Returns 0 or -ENOMEM; the caller frees *ret.
 */
int names_write_alone(const struct network_lease *lease, char *const *entries, char **ret);

/** The path of the hosts file of a lease. The caller frees it; NULL if out of memory. */
char *names_path(const struct network_session *session, const struct network_lease *lease);

/** Decides which file a machine has, one of its own with `own`, and makes sure that it exists. The
 * lease has its addresses and its owner. Returns 0, or -errno with error set. */
int names_enter(struct network_session *session, struct network_lease *lease, char *const *entries,
                bool own, struct machine_error *error);

/** The same for a further network of a machine, whose first one is entered: the machine's own file
 * gets its peers. */
int names_enter_further(struct network_session *session, struct network_lease *lease,
                        struct machine_error *error);

/** Lists an attached machine in the files of its network. Returns 0, or -errno with error set. */
int names_list(struct network_session *session, struct network_lease *lease,
               struct machine_error *error);

/** Removes the machine's lines from all files, .. */
void names_unlist(struct network_session *session, struct network_lease *lease);

/** .. and its file unless others use it. */
void names_leave(struct network_session *session, struct network_lease *lease);

/** Rewrites a machine's own file in place, because its addresses or its network have changed.
 * Returns 0, or -errno with error set. */
int names_follow(struct network_session *session, struct network_lease *lease,
                 struct machine_error *error);

/** Rewrites all files in place from the leases, after a crash, and removes those of no machine.
 * Returns 0, or -errno with error set. */
int names_rebuild(struct network_session *session, struct machine_error *error);

#endif
