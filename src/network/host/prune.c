/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/host/prune.h"

#include "network/host/ending.h"
#include "network/host/names.h"
#include "network/state/claim.h"
#include "network/state/sharing.h"

/* Leases remembered for machines that do not run; beyond this number the oldest are dropped. */
#define REMEMBERED_MAXIMUM 256

void network_session_prune_lease(struct network_session *session, struct network_lease *lease)
{
        struct network_table *table = &session->leases;

        names_leave(session, lease);
        leases_remove_aliases(table, lease);
        ending_add(session, lease);
        lease->owner = (struct process_identity){ 0 };
        lease->attached = false;
        lease->guarded = false;
        lease->ruled = false;
        lease->kept = false;
        lease->place = 0;
        lease->link[0] = '\0';
        lease->shares[0] = '\0';
        leases_clear_word(table, lease);
        /* Without an address of its own there is nothing to remember. */
        if (lease->shared ||
            (!address_is_set(&lease->address) && !address_is_set(&lease->address6))) {
                leases_remove(table, lease);
        }
}

static void forget_oldest(struct network_session *session)
{
        struct network_lease *oldest = NULL;
        size_t remembered = 0;

        TABLE_FOREACH_LEASE(lease, &session->leases)
        {
                if (lease->owner.pid == 0) {
                        remembered++;
                        oldest = !oldest || lease->used < oldest->used ? lease : oldest;
                }
        }
        if (oldest && remembered > REMEMBERED_MAXIMUM) {
                leases_remove(&session->leases, oldest);
        }
}

static bool is_known(const struct network_table *table, const struct network_state *state)
{
        for (enum record_kind kind = RECORD_LEASE; kind <= RECORD_ENDING; kind++) {
                const struct network_lease *lease = NULL;

                while ((lease = (void *)leases_next(table, kind, lease))) {
                        if (leases_network_of(table, lease) == state) {
                                return true;
                        }
                }
        }
        return false;
}

void network_session_drop_networks(struct network_session *session)
{
        TABLE_FOREACH_NETWORK(state, &session->leases)
        {
                if (state->made[0] == '\0' && !is_known(&session->leases, state)) {
                        leases_remove(&session->leases, state);
                }
        }
}

static void prune(struct network_session *session)
{
        bool changed = false;

        TABLE_FOREACH_LEASE(lease, &session->leases)
        {
                if (!claim_is_dead(&session->leases, lease, session->boot_id)) {
                        continue;
                }
                changed = true;
                if (!sharing_hand_over(&session->leases, lease)) {
                        session->pruned = true;
                        network_session_prune_lease(session, lease);
                }
        }
        forget_oldest(session);
        network_session_drop_networks(session);
        if (changed) {
                network_session_save(session);
        }
}

int network_session_open(const char *runtime_directory, struct network_session *ret,
                         struct machine_error *error)
{
        _cleanup_network_session_ struct network_session session = NETWORK_SESSION_INIT;
        bool fresh = false;
        int r = network_session_lock(runtime_directory, &session, &fresh, error);

        if (r == 0 && fresh) {
                leases_host(&session.leases)->sweep = true;
                leases_host(&session.leases)->stale = true;
        }
        if (r == 0 && (fresh || leases_names_are_busy(&session.leases))) {
                r = names_rebuild(&session, error);
        }
        if (r < 0) {
                return r;
        }
        prune(&session);
        *ret = session;
        session = (struct network_session)NETWORK_SESSION_INIT;
        return 0;
}

int network_session_open_host(const char *runtime_directory, struct network_session *ret,
                              struct machine_error *error)
{
        int r = network_session_open(runtime_directory, ret, error);

        return r == 0 ? network_session_look_at_host(ret, error) : r;
}
