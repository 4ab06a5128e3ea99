/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/network.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

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
        struct guest_settings loopback = { .interface = false };

        network->attachments++;
        switch (network->mode) {
        case MACHINE_NETWORK_BRIDGE:
                return place_attach_bridge(network, namespace_fd, error);
        case MACHINE_NETWORK_MACVLAN:
        case MACHINE_NETWORK_IPVLAN:
                return place_attach_parent(network, namespace_fd, error);
        case MACHINE_NETWORK_NONE:
                return guest_configure(namespace_fd, &loopback, error);
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

/* Takes the machine out of the state and out of the rules; its addresses stay remembered. */
static int release(struct network *network, struct network_room *room, struct machine_error *error)
{
        struct network_state *state = room_state(room, network->name);
        struct network_lease *lease = state ? network_state_find(state, network->machine) : NULL;
        struct machine_error first = MACHINE_ERROR_INIT;
        int r = 0;
        int q;

        if (!lease || !is_ours(network, lease)) {
                return state ? 0 : error_oom(error);
        }
        if (lease->attached && state->bridge) {
                lease->attached = false;
                r = apply_release(room, lease, &first);
                q = conntrack_flush(lease->ports, lease->port_count, r == 0 ? &first : NULL);
                r = r == 0 ? q : r;
        }
        room_prune_lease(room, state, lease);
        q = names_update_all(room, state, r == 0 ? &first : NULL);
        r = r == 0 ? q : r;
        q = room_save(room, state, r == 0 ? &first : NULL);
        r = r == 0 ? q : r;
        error_move(error, &first);
        return r;
}

/* A library's stray word must not end up in a lock or state file. */
static int hold_standard_files(void)
{
        for (int fd = 0; fd <= 2; fd++) {
                if (open("/dev/null", O_RDWR) != fd) {
                        return -EBADF;
                }
        }
        return 0;
}

/* The kernel takes tens of milliseconds to remove a link, for it waits until nobody can still use
 * it (RCU). A process of its own, a child of nobody, does that. It closes what it inherited:
 * whoever waits for the end of a pipe must not wait for it. */
static void collect_in_background(const char *runtime_directory)
{
        pid_t child = fork();

        if (child == 0) {
                pid_t grandchild = setsid() < 0 ? -1 : fork();

                if (grandchild == 0 && process_close_from(0) == 0 && hold_standard_files() == 0) {
                        (void)network_collect(runtime_directory, NULL);
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
        int r;

        if (!network || !network->name) {
                return 0;
        }
        r = network->mode == MACHINE_NETWORK_BRIDGE
                    ? room_open_host(network->runtime_directory, &room, error)
                    : room_open(network->runtime_directory, &room, error);
        if (r == 0) {
                r = release(network, &room, error);
        }
        room_close(&room);
        if (network->mode == MACHINE_NETWORK_BRIDGE && network->attachments > 0) {
                collect_in_background(network->runtime_directory);
        }
        free(TAKE_PTR(network->name));
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
        strv_free(network->warnings);
        free(network);
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
