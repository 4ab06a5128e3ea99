/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/room.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"

#define PROGRAM            "machinectl-lite"
#define STANDARD_DIRECTORY "/run/" PROGRAM

/* Remembered leases of machines that do not run; beyond so many the oldest are forgotten. */
#define REMEMBERED_MAXIMUM 256

void room_close(struct network_room *room)
{
        for (size_t i = 0; i < room->state_count; i++) {
                network_state_free(room->states[i]);
        }
        free(room->states);
        forwarding_clear(&room->forwarding);
        interface_list_clear(&room->interfaces);
        if (room->socket) {
                nl_socket_free(room->socket);
        }
        strv_free(room->dead_links);
        free(room->tag);
        free(room->table);
        free(room->path);
        fd_close(room->directory_fd);
        fd_close(room->lock_fd);
        *room = (struct network_room)NETWORK_ROOM_INIT;
}

/* Another runtime directory is another world on the same host (tests, a second instance): its table
 * and its links are told apart by a hash of its path. */
static int name_instance(struct network_room *room, const char *runtime_directory,
                         struct machine_error *error)
{
        uint32_t hash = (uint32_t)string_hash(runtime_directory, strlen(runtime_directory));

        room->standard = string_equal(runtime_directory, STANDARD_DIRECTORY);
        room->table = room->standard ? strdup(PROGRAM) : string_format(PROGRAM "-%08x", hash);
        room->tag = room->standard ? strdup(PROGRAM ":") : string_format(PROGRAM "-%08x:", hash);
        room->path = path_join(runtime_directory, "network");
        return room->table && room->tag && room->path ? 0 : error_oom(error);
}

static int open_directory(struct network_room *room, struct machine_error *error)
{
        _cleanup_free_ char *hosts = path_join(room->path, "hosts");
        int r = hosts ? directory_make(hosts, 0755) : -ENOMEM;

        if (r < 0) {
                return error_set(error, r, "cannot make the directory %s", hosts ? hosts : "");
        }
        room->directory_fd = open(room->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (room->directory_fd < 0) {
                return error_set(error, errno, "cannot open the directory %s", room->path);
        }
        room->lock_fd = file_lock(room->directory_fd, "lock", LOCK_EX);
        if (room->lock_fd < 0) {
                return error_set(error, room->lock_fd, "cannot lock %s/lock", room->path);
        }
        return 0;
}

static int append_state(struct network_room *room, struct network_state *state)
{
        struct network_state **grown =
                reallocarray(room->states, room->state_count + 1, sizeof(struct network_state *));

        if (!grown) {
                network_state_free(state);
                return -ENOMEM;
        }
        room->states = grown;
        room->states[room->state_count++] = state;
        return 0;
}

static int load_states(struct network_room *room, struct machine_error *error)
{
        _cleanup_strv_ char **names = NULL;
        int r = network_state_names(room->directory_fd, &names);

        if (r < 0) {
                return error_set(error, r, "cannot read the directory %s", room->path);
        }
        STRV_FOREACH(name, names) {
                struct network_state *state;

                r = network_state_load(room->directory_fd, room->path, *name, &state, error);
                if (r < 0) {
                        return r;
                }
                if (append_state(room, state) < 0) {
                        return error_oom(error);
                }
        }
        return 0;
}

void room_mark_stale(struct network_room *room, struct network_state *state)
{
        state->stale = ++state->sequence;
        room->stale = true;
}

void room_prune_lease(struct network_room *room, struct network_state *state,
                      struct network_lease *lease)
{
        _cleanup_free_ char *hosts = room_hosts_path(room, lease->machine);

        if (hosts) {
                (void)unlink(hosts);
        }
        if (lease->attached && lease->port_count > 0) {
                room_mark_stale(room, state);
        }
        lease->owner = (struct process_identity){ 0 };
        lease->attached = false;
        if (lease->link) {
                /* Short of memory the tag still tells it. */
                (void)strv_take(&room->dead_links, TAKE_PTR(lease->link));
        }
        for (size_t i = 0; i < lease->port_count; i++) {
                free(lease->ports[i].address);
        }
        free(TAKE_PTR(lease->ports));
        lease->port_count = 0;
        /* Without an address of its own there is nothing to remember. */
        if (lease->shared ||
            (!address_is_set(&lease->address) && !address_is_set(&lease->address6))) {
                network_state_remove(state, lease);
        }
}

static void forget_oldest(struct network_state *state)
{
        struct network_lease *oldest = NULL;
        size_t remembered = 0;

        for (size_t i = 0; i < state->lease_count; i++) {
                struct network_lease *lease = &state->leases[i];

                if (lease->owner.pid == 0) {
                        remembered++;
                        oldest = !oldest || lease->used < oldest->used ? lease : oldest;
                }
        }
        if (oldest && remembered > REMEMBERED_MAXIMUM) {
                network_state_remove(state, oldest);
        }
}

static int prune_state(struct network_room *room, struct network_state *state,
                       struct machine_error *error)
{
        bool changed = false;

        for (size_t i = state->lease_count; i-- > 0;) {
                struct network_lease *lease = &state->leases[i];

                if (lease->owner.pid == 0 || lease_is_live(lease)) {
                        continue;
                }
                room_prune_lease(room, state, lease);
                changed = true;
        }
        forget_oldest(state);
        room->stale = room->stale || state->stale != 0;
        return changed ? room_save(room, state, error) : 0;
}

int room_refresh_interfaces(struct network_room *room, struct machine_error *error)
{
        int r;

        interface_list_clear(&room->interfaces);
        r = interface_list_load(room->socket, &room->interfaces);
        return r == 0 ? 0 : error_set(error, r, "cannot list the host's network interfaces");
}

int room_look_at_host(struct network_room *room, struct machine_error *error)
{
        int r = netlink_open(NETLINK_ROUTE, &room->socket);

        if (r < 0) {
                error_set(error, r, "cannot open a netlink socket");
                if (r == -ELIBACC) {
                        error_hint(error, "install libnl-route-3 (Debian: libnl-route-3-200, "
                                          "Fedora: libnl3), or use network mode \"host\" or "
                                          "\"none\"");
                }
                return r;
        }
        r = room_refresh_interfaces(room, error);
        return r == 0 ? forwarding_load(room->directory_fd, &room->forwarding, error) : r;
}

int room_open_host(const char *runtime_directory, struct network_room *ret,
                   struct machine_error *error)
{
        int r = room_open(runtime_directory, ret, error);

        return r == 0 ? room_look_at_host(ret, error) : r;
}

int room_open(const char *runtime_directory, struct network_room *ret, struct machine_error *error)
{
        _cleanup_room_ struct network_room room = NETWORK_ROOM_INIT;
        int r = name_instance(&room, runtime_directory, error);

        if (r == 0) {
                r = open_directory(&room, error);
        }
        if (r == 0) {
                r = load_states(&room, error);
        }
        for (size_t i = 0; r == 0 && i < room.state_count; i++) {
                r = prune_state(&room, room.states[i], error);
        }
        if (r < 0) {
                return r;
        }
        *ret = room;
        room = (struct network_room)NETWORK_ROOM_INIT;
        return 0;
}

struct network_state *room_state(struct network_room *room, const char *name)
{
        struct network_state *state;

        for (size_t i = 0; i < room->state_count; i++) {
                if (string_equal(room->states[i]->name, name)) {
                        return room->states[i];
                }
        }
        state = network_state_new(name);
        return state && append_state(room, state) == 0 ? state : NULL;
}

struct network_lease *room_find_lease(const struct network_room *room, const char *machine,
                                      struct network_state **ret_state)
{
        for (size_t i = 0; i < room->state_count; i++) {
                struct network_lease *lease = network_state_find(room->states[i], machine);

                if (lease && lease->owner.pid > 0) {
                        if (ret_state) {
                                *ret_state = room->states[i];
                        }
                        return lease;
                }
        }
        return NULL;
}

int room_save(struct network_room *room, const struct network_state *state,
              struct machine_error *error)
{
        return network_state_save(room->directory_fd, room->path, state, error);
}

char *room_tag(const struct network_room *room, const char *network, const char *machine)
{
        return string_format("%s%s%s%s", room->tag, network, machine ? ":" : "",
                             machine ? machine : "");
}

char *room_hosts_path(const struct network_room *room, const char *machine)
{
        return string_format("%s/hosts/%s", room->path, machine);
}
