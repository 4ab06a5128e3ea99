/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/network.h"

#include "base/strings.h"
#include "network/apply.h"

int network_collect(const char *runtime_directory, struct machine_error *error)
{
        _cleanup_room_ struct network_room room = NETWORK_ROOM_INIT;
        int r = room_open_host(runtime_directory, &room, error);

        return r == 0 ? apply_collect(&room, NULL, error) : r;
}

static int reload_network(struct network_room *room, const struct network_state *state,
                          char ***warnings, struct machine_error *error)
{
        bool attached = false;
        bool ports = false;
        int index;
        int r;

        for (size_t i = 0; i < state->lease_count; i++) {
                attached = attached || state->leases[i].attached;
                ports = ports || (state->leases[i].attached && state->leases[i].port_count > 0);
        }
        if (!attached || !state->bridge) {
                return 0;
        }
        r = apply_bridge(room, state, &index, error);
        if (r == 0) {
                r = apply_settings(room, state, ports, error);
        }
        /* firewalld forgot the bridge when it was reloaded, and others may have forgotten a rule.
         */
        return r == 0 && !state->internal ? apply_warnings(room, state, warnings, error) : r;
}

int network_reload(const char *runtime_directory, char ***warnings, struct machine_error *error)
{
        _cleanup_room_ struct network_room room = NETWORK_ROOM_INIT;
        int r = room_open_host(runtime_directory, &room, error);

        for (size_t i = 0; r == 0 && i < room.state_count; i++) {
                r = reload_network(&room, room.states[i], warnings, error);
        }
        if (r == 0) {
                r = apply_rules(&room, error);
        }
        return r == 0 ? forwarding_save(room.directory_fd, &room.forwarding, error) : r;
}

int network_forget(const char *runtime_directory, const char *machine, struct machine_error *error)
{
        _cleanup_room_ struct network_room room = NETWORK_ROOM_INIT;
        int r = room_open(runtime_directory, &room, error);

        for (size_t i = 0; r == 0 && i < room.state_count; i++) {
                struct network_lease *lease = network_state_find(room.states[i], machine);

                if (lease && lease->owner.pid == 0) {
                        network_state_remove(room.states[i], lease);
                        r = room_save(&room, room.states[i], error);
                }
        }
        return r;
}
