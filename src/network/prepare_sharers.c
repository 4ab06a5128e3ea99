/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/prepare.h"

#include <errno.h>
#include <string.h>

#include "base/strings.h"
#include "network/host/names.h"
#include "network/host/prune.h"

/* A machine that shares the network follows it: to other addresses, or to another network. */
static int follow(struct preparation *preparation, struct network_lease *sharer,
                  const struct network_lease *lease, struct machine_error *error)
{
        struct network_session *session = preparation->session;
        int r;

        names_unlist(session, sharer);
        sharer->address = lease->address;
        sharer->address6 = lease->address6;
        sharer->network = leases_number(&session->leases, preparation->state);
        sharer->attached = network_has_bridge(preparation->state);
        r = names_follow(session, sharer, error);
        return r == 0 && sharer->attached ? names_list(session, sharer, error) : r;
}

/* ---- further links ---- */

/* The record for a network of one that shares another's, in place of what is there. */
static struct network_lease *add_link(struct network_session *session,
                                      const struct network_lease *sharer,
                                      const struct network_lease *lease)
{
        struct network_table *table = &session->leases;
        const struct network_state *state = leases_network_of(table, lease);
        struct network_lease *link = leases_find_owned(table, sharer->machine, lease->index);

        if (link && link->network != lease->network) {
                network_session_prune_lease(session, link);
                link = NULL;
        }
        if (link) {
                names_unlist(session, link);
                return link;
        }
        link = leases_find(table, state, sharer->machine);
        if (link && link->owner.pid > 0) {
                return NULL;
        }
        if (link) {
                leases_remove(table, link);
        }
        return leases_add_lease(table, state, sharer->machine);
}

/* Names of a further network for a machine that shares it. */
static int share_link(struct network_session *session, const struct network_lease *sharer,
                      const struct network_lease *lease, struct machine_error *error)
{
        struct network_lease *link = add_link(session, sharer, lease);
        int r;

        if (!link) {
                return error_say(error, ENOSPC,
                                 "cannot record a lease for machine \"%s\": the table is full",
                                 sharer->machine);
        }
        link->index = lease->index;
        link->mode = sharer->mode;
        link->shared = true;
        link->owner = sharer->owner;
        link->address = lease->address;
        link->address6 = lease->address6;
        memcpy(link->hostname, sharer->hostname, sizeof(link->hostname));
        memcpy(link->domainname, sharer->domainname, sizeof(link->domainname));
        link->attached = true;
        r = names_enter_further(session, link, error);
        return r == 0 ? names_list(session, link, error) : r;
}

int prepare_share_links(struct preparation *preparation, struct machine_error *error)
{
        struct network_session *session = preparation->session;
        const char *shares = preparation->lease->shares;
        int r = 0;

        TABLE_FOREACH_LEASE(lease, &session->leases)
        {
                if (r == 0 && lease->owner.pid > 0 && lease->index > 0 && !lease->shared &&
                    string_equal(lease->machine, shares)) {
                        r = share_link(session, preparation->lease, lease, error);
                }
        }
        return r;
}

/* Whether a lease is of a further link of the machine, or of one that shares its network. */
static bool is_further(const struct preparation *preparation, const struct network_lease *lease)
{
        const char *machine = preparation->network->machine;
        const struct network_lease *first;

        if (lease->owner.pid == 0 || lease->index == 0) {
                return false;
        }
        if (string_equal(lease->machine, machine)) {
                return true;
        }
        first = lease->shared ? leases_find_owned(&preparation->session->leases, lease->machine, 0)
                              : NULL;
        return first && string_equal(first->shares, machine);
}

void prepare_drop_links(struct preparation *preparation)
{
        struct network_session *session = preparation->session;

        TABLE_FOREACH_LEASE(lease, &session->leases)
        {
                const struct network_link link =
                        network_link_of(preparation->request->machine, lease->index);

                if (is_further(preparation, lease) &&
                    (!preparation->network->rejoins ||
                     !string_equal(link.network,
                                   leases_network_of(&session->leases, lease)->name))) {
                        network_session_prune_lease(session, lease);
                }
        }
}

/* ---- after a start of the machine whose network is shared ---- */

int prepare_update_sharers(struct preparation *preparation, const struct network_lease *lease,
                           struct machine_error *error)
{
        TABLE_FOREACH_LEASE(sharer, &preparation->session->leases)
        {
                int r = 0;

                if (string_equal(sharer->shares, preparation->network->machine)) {
                        r = preparation->network->index == 0
                                    ? follow(preparation, sharer, lease, error)
                                    : share_link(preparation->session, sharer, lease, error);
                }
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}
