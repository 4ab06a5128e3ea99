/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/network.h"

#include <stdio.h>

#include "base/strings.h"
#include "network/apply.h"
#include "network/host/prune.h"
#include "network/inside.h"

/* The arguments of a call. */
struct place {
        const char *runtime_directory;
        bool everything;
        char ***warnings;
};

static int collect_inside(void *data, struct machine_error *error)
{
        const struct place *place = data;
        _cleanup_network_session_ struct network_session session = NETWORK_SESSION_INIT;
        int r = network_session_open_host(place->runtime_directory, &session, error);

        if (r < 0) {
                return r;
        }
        if (place->everything) {
                leases_host(&session.leases)->sweep = true;
        }
        r = apply_collect(&session, NULL, error);
        network_session_drop_networks(&session);
        network_session_save(&session);
        return r;
}

int network_collect(const char *runtime_directory, bool everything, struct machine_error *error)
{
        struct place place = { .runtime_directory = runtime_directory, .everything = everything };
        int r = inside_visit(runtime_directory, collect_inside, &place, error);

        inside_collect(runtime_directory);
        return r;
}

static int reload_network(struct network_session *session, struct network_state *state,
                          char ***warnings, struct machine_error *error)
{
        bool ports = false;
        int index;
        int r;

        if (!network_has_bridge(state) || !leases_is_attached(&session->leases, state)) {
                return 0;
        }
        TABLE_FOREACH_LEASE(lease, &session->leases)
        {
                ports = ports || (lease->attached && lease->ports &&
                                  leases_network_of(&session->leases, lease) == state);
        }
        r = apply_bridge(session, state, &index, error);
        if (r == 0) {
                r = apply_settings(session, state, ports, error);
        }
        /* A reload makes firewalld forget the bridge; other firewalls may have lost a rule. */
        return r == 0 && !state->internal ? apply_warnings(session, state, warnings, error) : r;
}

static int reload_inside(void *data, struct machine_error *error)
{
        const struct place *place = data;
        _cleanup_network_session_ struct network_session session = NETWORK_SESSION_INIT;
        int r = network_session_open_host(place->runtime_directory, &session, error);

        if (r < 0) {
                return r;
        }
        TABLE_FOREACH_NETWORK(state, &session.leases)
        {
                if (r == 0) {
                        r = reload_network(&session, state, place->warnings, error);
                }
        }
        if (r == 0) {
                r = apply_rules(&session, error);
        }
        network_session_save(&session);
        return r == 0 ? forwarding_save(session.directory_fd, &session.forwarding, error) : r;
}

int network_reload(const char *runtime_directory, char ***warnings, struct machine_error *error)
{
        struct place place = { .runtime_directory = runtime_directory, .warnings = warnings };

        return inside_visit(runtime_directory, reload_inside, &place, error);
}

int network_forget(const char *runtime_directory, const char *machine, struct machine_error *error)
{
        _cleanup_network_session_ struct network_session session = NETWORK_SESSION_INIT;
        bool found = false;
        int r = network_session_open(runtime_directory, &session, error);

        if (r < 0) {
                return r;
        }
        TABLE_FOREACH_LEASE(lease, &session.leases)
        {
                if (lease->owner.pid == 0 && string_equal(lease->machine, machine)) {
                        leases_remove(&session.leases, lease);
                        found = true;
                }
        }
        if (found) {
                network_session_drop_networks(&session);
                network_session_save(&session);
        }
        return 0;
}

int network_rename(const char *runtime_directory, const char *machine, const char *name,
                   struct machine_error *error)
{
        _cleanup_network_session_ struct network_session session = NETWORK_SESSION_INIT;
        bool found = false;
        int r = network_session_open(runtime_directory, &session, error);

        if (r < 0) {
                return r;
        }
        TABLE_FOREACH_LEASE(lease, &session.leases)
        {
                if (lease->owner.pid == 0 && string_equal(lease->machine, machine)) {
                        (void)snprintf(lease->machine, sizeof lease->machine, "%s", name);
                        found = true;
                }
        }
        if (found) {
                network_session_save(&session);
        }
        return 0;
}
