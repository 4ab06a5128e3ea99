/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/network.h"

#include <linux/nsfs.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strings.h"
#include "network/apply.h"
#include "network/conntrack.h"
#include "network/guest.h"
#include "network/names.h"
#include "network/place.h"

bool network_wants_namespace(const struct network *network)
{
        return network->mode != MACHINE_NETWORK_HOST && network->shared_fd < 0;
}

int network_enter(struct network *network, struct machine_error *error)
{
        _cleanup_close_ int own = -EBADF;

        if (network->shared_fd < 0) {
                return 0;
        }
        own = guest_own_namespace();
        if (own < 0) {
                return error_set(error, own, "cannot open the host's network namespace");
        }
        if (setns(network->shared_fd, CLONE_NEWNET) < 0) {
                return error_set(error, errno, "cannot enter the network namespace to share");
        }
        network->own_fd = TAKE_FD(own);
        return 0;
}

int network_leave(struct network *network, struct machine_error *error)
{
        int r = 0;

        if (network->own_fd < 0) {
                return 0;
        }
        if (setns(network->own_fd, CLONE_NEWNET) < 0) {
                r = error_set(error, errno, "cannot come back to the host's network namespace");
        }
        fd_close(TAKE_FD(network->own_fd));
        return r;
}

int network_attach(struct network *network, int namespace_fd, struct machine_error *error)
{
        network->attachments++;
        switch (network->mode) {
        case MACHINE_NETWORK_BRIDGE:
                return place_attach_bridge(network, namespace_fd, error);
        case MACHINE_NETWORK_MACVLAN:
        case MACHINE_NETWORK_IPVLAN:
                return place_attach_parent(network, namespace_fd, error);
        case MACHINE_NETWORK_NONE:
        case MACHINE_NETWORK_HOST:
        case MACHINE_NETWORK_MACHINE:
        case MACHINE_NETWORK_PATH:
                break;
        }
        return 0;
}

/* Whether the lease is this very owner's; another one may have come since. */
static bool is_ours(const struct network *network, const struct network_lease *lease)
{
        return lease->owner.pid == network->owner.pid &&
               lease->owner.start_time == network->owner.start_time;
}

/* Keeps what was published: its elements go after the user has stopped waiting. */
static void take_published(struct network *network, struct network_room *room,
                           struct network_state *state, struct network_lease *lease)
{
        bool good = state->stale == 0;

        network->released.address = lease->address;
        network->released.address6 = lease->address6;
        network->released.ports = TAKE_PTR(lease->ports);
        network->released.port_count = lease->port_count;
        lease->port_count = 0;
        room_mark_stale(room, state);
        network->stale = good ? state->stale : 0;
}

/* Takes the machine out of the state; its addresses stay remembered. */
static int release(struct network *network, struct network_room *room, struct machine_error *error)
{
        struct network_state *state = room_state(room, network->name);
        struct network_lease *lease = state ? network_state_find(state, network->machine) : NULL;
        struct machine_error first = MACHINE_ERROR_INIT;
        int r;
        int q;

        if (!lease || !is_ours(network, lease)) {
                return state ? 0 : error_oom(error);
        }
        if (lease->attached && lease->port_count > 0) {
                take_published(network, room, state, lease);
        }
        room_prune_lease(room, state, lease);
        r = names_update_all(room, state, &first);
        q = room_save(room, state, r == 0 ? &first : NULL);
        error_move(error, &first);
        return r == 0 ? q : r;
}

/* What the user does not wait for. */
static void finish(const struct network *network, const char *name)
{
        _cleanup_room_ struct network_room room = NETWORK_ROOM_INIT;
        struct network_state *state;

        if (room_open_host(network->runtime_directory, &room, NULL) < 0) {
                return;
        }
        state = room_state(&room, name);
        if (state && network->stale != 0) {
                (void)apply_release(&room, state, &network->released, network->stale, NULL);
        }
        (void)apply_collect(&room, NULL, NULL);
        (void)conntrack_flush(network->released.ports, network->released.port_count, NULL);
}

/* The kernel takes tens of milliseconds to remove a link, for it waits until nobody can still use
 * it (RCU), and ten to commit the removal of a rule. A process of its own, a child of nobody, does
 * that. What was inherited is closed while this one still waits: whoever waits for the end of a
 * pipe must not wait for that process, nor find a published port taken by it. */
static void finish_in_background(const struct network *network, const char *name)
{
        pid_t child = fork();

        if (child == 0) {
                if (setsid() >= 0 && process_close_from(0) == 0 && file_hold_standard() == 0 &&
                    fork() == 0) {
                        finish(network, name);
                }
                _exit(0);
        }
        if (child > 0) {
                (void)process_wait(child);
        }
}

int network_detach(struct network *network, struct machine_error *error)
{
        _cleanup_room_ struct network_room room = NETWORK_ROOM_INIT;
        _cleanup_free_ char *name = network ? TAKE_PTR(network->name) : NULL;
        int r;

        if (!name) {
                return 0;
        }
        network->name = name;
        r = room_open(network->runtime_directory, &room, error);
        if (r == 0) {
                r = release(network, &room, error);
        }
        network->name = NULL;
        room_close(&room);
        if (network->mode == MACHINE_NETWORK_BRIDGE && network->attachments > 0) {
                finish_in_background(network, name);
        }
        return r;
}

void network_free(struct network *network)
{
        if (!network) {
                return;
        }
        port_release(&network->ports);
        fd_close(network->shared_fd);
        fd_close(network->own_fd);
        free(network->runtime_directory);
        free(network->machine);
        free(network->name);
        free(network->mac);
        free(network->parent);
        free(network->address);
        free(network->address6);
        free(network->hosts);
        free(network->hosts_text);
        strv_free(network->warnings);
        lease_clear(&network->released);
        free(network);
}

bool network_is_alone(enum machine_network_mode mode)
{
        return mode == MACHINE_NETWORK_NONE || mode == MACHINE_NETWORK_HOST;
}

const char *network_hosts_text(const struct network *network)
{
        return network->hosts_text;
}

int network_shared_namespace(const struct network *network)
{
        return network->shared_fd;
}

int network_list_ports(const struct machine_network *settings, char ***ret)
{
        _cleanup_strv_ char **list = NULL;

        for (size_t i = 0; i < settings->port_count; i++) {
                if (strv_take(&list, port_format_pair(&settings->ports[i])) < 0) {
                        return -ENOMEM;
                }
        }
        strv_free(*ret);
        *ret = TAKE_PTR(list);
        return 0;
}

const char *network_address(const struct network *network)
{
        return network->address;
}

const char *network_address6(const struct network *network)
{
        return network->address6;
}

char *const *network_warnings(const struct network *network)
{
        return network->warnings;
}

const char *network_hosts_path(const struct network *network)
{
        return network->hosts;
}
