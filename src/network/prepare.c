/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/network.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <machine/network.h>

#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "network/apply.h"
#include "network/lease.h"
#include "network/names.h"
#include "network/place.h"
#include "network/plan.h"

/* What the calls of one preparation share. */
struct preparation {
        const struct network_request *request;
        struct network *network;
        struct network_room *room;
        struct network_state *state;
        struct network_lease *lease;
};

static const char *const mode_names[] = {
        [MACHINE_NETWORK_BRIDGE] = "bridge", [MACHINE_NETWORK_HOST] = "host",
        [MACHINE_NETWORK_NONE] = "none",     [MACHINE_NETWORK_MACHINE] = "machine",
        [MACHINE_NETWORK_PATH] = "path",     [MACHINE_NETWORK_MACVLAN] = "macvlan",
        [MACHINE_NETWORK_IPVLAN] = "ipvlan",
};

static int copy_settings(struct network *network, const struct network_request *request)
{
        const struct machine_network *settings = &request->machine->network;

        network->mode = settings->mode;
        network->owner = request->owner;
        network->mtu = settings->mtu;
        network->runtime_directory = strdup(request->runtime_directory);
        network->machine = strdup(request->machine->name);
        if (!network->runtime_directory || !network->machine ||
            string_replace(&network->mac, settings->mac) < 0) {
                return -ENOMEM;
        }
        if (network->mode == MACHINE_NETWORK_MACVLAN || network->mode == MACHINE_NETWORK_IPVLAN) {
                return string_replace(&network->parent, settings->target);
        }
        return 0;
}

/* The namespace that is shared: that of a running machine, or one with a path. */
static int open_shared(struct network *network, const struct network_request *request,
                       struct machine_error *error)
{
        const char *path = request->machine->network.target;

        if (network->mode == MACHINE_NETWORK_MACHINE) {
                network->shared_fd = fcntl(request->shared_namespace, F_DUPFD_CLOEXEC, 3);
                return network->shared_fd < 0
                               ? error_set(error, errno,
                                           "cannot share the network of machine \"%s\"", path)
                               : 0;
        }
        if (network->mode != MACHINE_NETWORK_PATH) {
                return 0;
        }
        network->shared_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (network->shared_fd < 0) {
                return error_set(error, errno, "cannot open the network namespace %s", path);
        }
        if (ioctl(network->shared_fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
                return error_say(error, EINVAL, "%s is not a network namespace", path);
        }
        return 0;
}

/* A machine has one place. What the same owner has from an earlier preparation is given up. */
static int check_machine(struct preparation *preparation, struct machine_error *error)
{
        struct network_state *state;
        struct network_lease *lease =
                room_find_lease(preparation->room, preparation->network->machine, &state);
        const struct process_identity *owner = &preparation->network->owner;

        if (!lease) {
                return 0;
        }
        if (lease->owner.pid != owner->pid || lease->owner.start_time != owner->start_time) {
                return error_say(error, EBUSY,
                                 "machine \"%s\" already has a place in a network: process %d "
                                 "keeps it",
                                 lease->machine, (int)lease->owner.pid);
        }
        room_prune_lease(preparation->room, state, lease);
        return 0;
}

static bool overlaps(const struct machine_port *a, const struct machine_port *b)
{
        struct network_address one = { 0 };
        struct network_address other = { 0 };

        if (a->protocol != b->protocol || a->host_first > b->host_last ||
            b->host_first > a->host_last) {
                return false;
        }
        if (!a->address || !b->address) {
                return true;
        }
        (void)address_parse(a->address, &one);
        (void)address_parse(b->address, &other);
        return one.family == other.family &&
               (address_equal(&one, &other) || address_is_wildcard(&one) ||
                address_is_wildcard(&other));
}

/* The machine, other than this one, that publishes a port which overlaps. */
static const struct network_lease *find_publisher(const struct preparation *preparation,
                                                  const struct machine_port *port)
{
        const struct network_room *room = preparation->room;

        for (size_t i = 0; i < room->state_count; i++) {
                for (size_t j = 0; j < room->states[i]->lease_count; j++) {
                        const struct network_lease *lease = &room->states[i]->leases[j];

                        for (size_t k = 0; lease != preparation->lease && k < lease->port_count;
                             k++) {
                                if (overlaps(&lease->ports[k], port)) {
                                        return lease;
                                }
                        }
                }
        }
        return NULL;
}

static int check_publishers(const struct preparation *preparation, struct machine_error *error)
{
        const struct machine_network *settings = &preparation->request->machine->network;

        for (size_t i = 0; i < settings->port_count; i++) {
                const struct network_lease *other =
                        find_publisher(preparation, &settings->ports[i]);
                _cleanup_free_ char *text = other ? port_format(&settings->ports[i]) : NULL;

                if (other) {
                        return error_say(error, EADDRINUSE,
                                         "cannot publish port %s: machine \"%s\" publishes it",
                                         text, other->machine);
                }
        }
        return 0;
}

static int tell_conflict(const struct port_conflict *conflict, int number,
                         struct machine_error *error)
{
        const struct machine_port *port = conflict->port;
        _cleanup_free_ char *text =
                port ? port_format_one(port->address, conflict->number, port->protocol) : NULL;
        _cleanup_free_ char *owner = NULL;

        if (!text) {
                return error_set(error, number, "cannot reserve the ports of the machine");
        }
        if (number == -EADDRINUSE &&
            port_find_process(port->protocol, conflict->number, &owner) == 0) {
                return error_say(error, number, "cannot publish port %s: %s has it", text, owner);
        }
        if (number == -EADDRNOTAVAIL) {
                return error_say(error, number,
                                 "cannot publish port %s: this host does not have that address",
                                 text);
        }
        return error_set(error, number, "cannot publish port %s", text);
}

static int reserve_ports(const struct preparation *preparation, struct machine_error *error)
{
        const struct machine_network *settings = &preparation->request->machine->network;
        struct port_families families = {
                .ipv4 = address_is_set(&preparation->lease->address),
                .ipv6 = address_is_set(&preparation->lease->address6),
        };
        struct port_conflict conflict = { 0 };
        int r;

        if (settings->port_count > 0 && preparation->state->internal) {
                return error_say(error, EINVAL, "cannot publish ports: network \"%s\" is internal",
                                 preparation->state->name);
        }
        r = port_check(settings->ports, settings->port_count, families, error);
        if (r == 0) {
                r = check_publishers(preparation, error);
        }
        if (r < 0) {
                return r;
        }
        r = port_reserve(settings->ports, settings->port_count, families,
                         &preparation->network->ports, &conflict);
        return r == 0 ? 0 : tell_conflict(&conflict, r, error);
}

/* A bridge that was left by earlier machines is good only for the settings it was made with. */
static int plan(struct preparation *preparation, struct machine_error *error)
{
        struct network_state *state = preparation->state;
        struct network_prefix subnet = state->subnet;
        struct network_prefix subnet6 = state->subnet6;
        struct network_address gateway = state->gateway;
        struct network_address gateway6 = state->gateway6;
        uint64_t mtu = state->mtu;
        int r = plan_network(preparation->room, preparation->request->definition, state, error);
        bool same = prefix_equal(&subnet, &state->subnet) &&
                    prefix_equal(&subnet6, &state->subnet6) &&
                    address_equal(&gateway, &state->gateway) &&
                    address_equal(&gateway6, &state->gateway6) && mtu == state->mtu;

        if (r == 0) {
                r = apply_collect(preparation->room, same ? state : NULL, error);
        }
        if (r == 0 && !same) {
                r = room_refresh_interfaces(preparation->room, error);
        }
        return r;
}

static int prepare_bridge(struct preparation *preparation, struct machine_error *error)
{
        int r;

        if (!preparation->request->definition) {
                return error_say(error, EINVAL, "there is no definition of the machine's network");
        }
        preparation->state = room_state(preparation->room, preparation->request->definition->name);
        if (!preparation->state) {
                return error_oom(error);
        }
        r = room_look_at_host(preparation->room, error);
        if (r == 0) {
                r = plan(preparation, error);
        }
        if (r == 0) {
                r = lease_take(preparation->state, preparation->request->machine,
                               &preparation->network->owner, &preparation->lease, error);
        }
        return r == 0 ? reserve_ports(preparation, error) : r;
}

/* The texts that machines without a bridge have in place of a lease's. */
static int take_static(struct preparation *preparation, struct machine_error *error)
{
        const struct machine_network *settings = &preparation->request->machine->network;

        if ((settings->address &&
             address_parse(settings->address, &preparation->lease->address) < 0) ||
            (settings->address6 &&
             address_parse(settings->address6, &preparation->lease->address6) < 0)) {
                return error_say(error, EINVAL, "the machine's address cannot be read");
        }
        return 0;
}

static int warn_of_ports(struct network *network, const struct machine *machine,
                         struct machine_error *error)
{
        if (machine->network.port_count > 0 &&
            strv_take(&network->warnings,
                      string_format("the ports of machine \"%s\" are not published: network mode "
                                    "\"%s\" has no address of its own to forward them to",
                                    machine->name, mode_names[machine->network.mode])) < 0) {
                return error_oom(error);
        }
        return 0;
}

static int prepare_unbridged(struct preparation *preparation, struct machine_error *error)
{
        struct network_lease *shared = NULL;
        struct network_address address = { 0 };
        struct network_address address6 = { 0 };
        const struct machine *machine = preparation->request->machine;
        int r;

        if (preparation->network->mode == MACHINE_NETWORK_MACHINE) {
                shared = room_find_lease(preparation->room, machine->network.target,
                                         &preparation->state);
        }
        if (shared) {
                address = shared->address;
                address6 = shared->address6;
        } else {
                preparation->state = room_state(preparation->room, NETWORK_STATE_UNBRIDGED);
        }
        preparation->lease =
                preparation->state ? network_state_add(preparation->state, machine->name) : NULL;
        if (!preparation->lease) {
                return error_oom(error);
        }
        preparation->lease->shared = true;
        preparation->lease->attached = shared != NULL && preparation->state->bridge;
        preparation->lease->address = address;
        preparation->lease->address6 = address6;
        r = lease_describe(preparation->lease, machine, &preparation->network->owner, error);
        if (preparation->lease->port_count > 0) {
                preparation->lease->port_count = 0;
                free(TAKE_PTR(preparation->lease->ports));
        }
        if (r == 0 && preparation->network->parent) {
                r = take_static(preparation, error);
        }
        return r == 0 ? warn_of_ports(preparation->network, machine, error) : r;
}

static int take_texts(struct preparation *preparation, struct machine_error *error)
{
        struct network *network = preparation->network;
        const struct network_lease *lease = preparation->lease;
        char text[ADDRESS_TEXT_SIZE];

        network->hosts = room_hosts_path(preparation->room, network->machine);
        network->name = strdup(preparation->state->name);
        if (!network->hosts || !network->name ||
            (address_is_set(&lease->address) &&
             string_replace(&network->address, address_format(&lease->address, text)) < 0) ||
            (address_is_set(&lease->address6) &&
             string_replace(&network->address6, address_format(&lease->address6, text)) < 0)) {
                return error_oom(error);
        }
        return 0;
}

static int prepare_locked(struct preparation *preparation, struct machine_error *error)
{
        int r = check_machine(preparation, error);

        if (r == 0) {
                r = preparation->network->mode == MACHINE_NETWORK_BRIDGE
                            ? prepare_bridge(preparation, error)
                            : prepare_unbridged(preparation, error);
        }
        if (r == 0) {
                r = take_texts(preparation, error);
        }
        if (r == 0) {
                r = room_save(preparation->room, preparation->state, error);
        }
        return r == 0 ? names_update_all(preparation->room, preparation->state, error) : r;
}

/* A machine that shares its network with no other machine needs no lock, no state and no file that
 * is rewritten: only the text of what it knows, which stays as it is. */
static int prepare_alone(struct network *network, const struct network_request *request,
                         struct machine_error *error)
{
        const struct network_state state = { 0 };
        struct network_lease lease = { .machine = strdup(request->machine->name) };
        int r = lease.machine ? lease_describe(&lease, request->machine, &network->owner, error)
                              : error_oom(error);

        if (r == 0 && names_write_hosts(&state, &lease, &network->hosts_text) < 0) {
                r = error_oom(error);
        }
        lease_clear(&lease);
        return r == 0 ? warn_of_ports(network, request->machine, error) : r;
}

static int prepare_among_others(struct network *network, const struct network_request *request,
                                struct machine_error *error)
{
        _cleanup_room_ struct network_room room = NETWORK_ROOM_INIT;
        struct preparation preparation = { .request = request, .network = network, .room = &room };
        int r = open_shared(network, request, error);

        if (r == 0) {
                r = room_open(request->runtime_directory, &room, error);
        }
        return r == 0 ? prepare_locked(&preparation, error) : r;
}

int network_prepare(const struct network_request *request, struct network **ret,
                    struct machine_error *error)
{
        _cleanup_network_ struct network *network = calloc(1, sizeof(*network));
        int r;

        if (!network) {
                return error_oom(error);
        }
        network->shared_fd = -EBADF;
        network->own_fd = -EBADF;
        network->ports = (struct port_reservation)PORT_RESERVATION_INIT;
        if (copy_settings(network, request) < 0) {
                return error_oom(error);
        }
        r = network_is_alone(network->mode) ? prepare_alone(network, request, error)
                                            : prepare_among_others(network, request, error);
        if (r < 0) {
                /* What was saved before a later failure is given back. */
                (void)network_detach(network, NULL);
                return r;
        }
        *ret = TAKE_PTR(network);
        return 0;
}
