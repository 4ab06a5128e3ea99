/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/network.h"

#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <machine/network.h>

#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "network/apply.h"
#include "network/attach.h"
#include "network/host/ending.h"
#include "network/host/names.h"
#include "network/host/namespace.h"
#include "network/host/prune.h"
#include "network/inside.h"
#include "network/plan.h"
#include "network/prepare.h"
#include "network/publish.h"
#include "network/state/aliases.h"
#include "network/state/lease.h"
#include "network/state/sharing.h"

static const char *const mode_names[] = {
        [MACHINE_NETWORK_BRIDGE] = "bridge", [MACHINE_NETWORK_HOST] = "host",
        [MACHINE_NETWORK_NONE] = "none",     [MACHINE_NETWORK_MACHINE] = "machine",
        [MACHINE_NETWORK_PATH] = "path",     [MACHINE_NETWORK_MACVLAN] = "macvlan",
        [MACHINE_NETWORK_IPVLAN] = "ipvlan",
};

const char *prepare_mode_name(enum machine_network_mode mode)
{
        return mode_names[mode];
}

static int load_details(const struct preparation *preparation, const struct network_lease *lease,
                        struct lease_details *ret, struct machine_error *error)
{
        const struct network_session *session = preparation->session;
        int r = details_load(session->directory_fd, &session->leases, lease, ret);

        return r == 0 ? 0
                      : error_set(error, r, "cannot read the ports of machine \"%s\" in %s/details",
                                  lease->machine, session->path);
}

/* Only in this process: the machine does not conflict with itself. */
static void forget_own(const struct preparation *preparation)
{
        TABLE_FOREACH_LEASE(lease, &preparation->session->leases)
        {
                if (string_equal(lease->machine, preparation->network->machine)) {
                        lease->owner = (struct process_identity){ 0 };
                }
        }
}

/* A machine is attached once. An earlier preparation of the same owner is released. */
static int check_lease(struct preparation *preparation, struct network_lease *lease,
                       struct machine_error *error)
{
        _cleanup_details_ struct lease_details details = { 0 };
        int r = load_details(preparation, lease, &details, error);

        if (r < 0) {
                return r;
        }
        preparation->same_ports = details_have_same_ports(&details, &preparation->details);
        if (preparation->request->rehearsal) {
                return 0;
        }
        if (!lease_is_of(lease, &preparation->network->owner) && !lease->kept) {
                return error_say(error, EBUSY,
                                 "machine \"%s\" is already attached to a network by process %d",
                                 lease->machine, (int)lease->owner.pid);
        }
        if (preparation->network->rejoins) {
                preparation->before = lease;
                return 0;
        }
        preparation->same_ports = false;
        network_session_prune_lease(preparation->session, lease);
        return 0;
}

static int check_machine(struct preparation *preparation, struct machine_error *error)
{
        struct network_lease *lease =
                leases_find_owned(&preparation->session->leases, preparation->network->machine,
                                  preparation->network->index);
        int r = lease ? check_lease(preparation, lease, error) : 0;

        if (r == 0 && preparation->request->rehearsal) {
                forget_own(preparation);
        } else if (r == 0 && preparation->network->index == 0) {
                prepare_drop_links(preparation);
        }
        return r;
}

/* The network of the machine's last run, if others share it: they hold its namespace. */
static void find_kept(struct preparation *preparation)
{
        struct network *network = preparation->network;

        const struct network_lease *sharer =
                network->shared_fd < 0
                        ? sharing_find(&preparation->session->leases, network->machine)
                        : NULL;

        if (sharer) {
                network->shared_fd = sharing_open(sharer);
                network->rejoins = network->shared_fd >= 0;
                network->same_ids = sharer->user_base == network->user_base;
        }
}

/* A hash of the parameters of a link: as long as they are unchanged, it can stay. */
static uint64_t describe_place(const struct network *network, const struct network_lease *lease)
{
        char address[ADDRESS_TEXT_SIZE], address6[ADDRESS_TEXT_SIZE];
        _cleanup_free_ char *text = string_format(
                "%s %s %s %" PRIu64 " %s %s", prepare_mode_name(network->mode),
                network->parent ? network->parent : "-", network->mac ? network->mac : "-",
                network->mtu, address_format(&lease->address, address),
                address_format(&lease->address6, address6));

        return text ? string_hash(text, strlen(text)) | 1 : 0;
}

static bool has_link(const struct preparation *preparation, const char *link)
{
        return preparation->network->parent || (link[0] != '\0' && if_nametoindex(link) > 0);
}

struct network_lease prepare_take_last_run(struct preparation *preparation)
{
        const struct network_lease none = { 0 };
        struct network_lease *before = preparation->before;

        if (!before ||
            leases_network_of(&preparation->session->leases, before) != preparation->state) {
                return none;
        }
        names_leave(preparation->session, before);
        before->kept = false;
        return *before;
}

void prepare_settle_place(struct preparation *preparation, const struct network_lease *last)
{
        struct network *network = preparation->network;
        struct network_lease *lease = preparation->lease;
        struct network_lease now;

        lease->place = describe_place(network, lease);
        network->kept = network->rejoins && last->place != 0 && last->place == lease->place &&
                        has_link(preparation, last->link);
        if (network->kept) {
                lease->attached = network_has_bridge(preparation->state);
                return;
        }
        if (last->kind == RECORD_LEASE) {
                now = *lease;
                *lease = *last;
                ending_add(preparation->session, lease);
                *lease = now;
                lease->detailed = lease->ports = false;
        }
        lease->link[0] = '\0';
        lease->attached = lease->guarded = lease->ruled = false;
}

void prepare_leave_before(struct preparation *preparation)
{
        struct network_lease *before = preparation->before;

        if (before &&
            leases_network_of(&preparation->session->leases, before) != preparation->state) {
                network_session_prune_lease(preparation->session, before);
                preparation->before = NULL;
        }
}

/* A bridge left by earlier machines can only be reused with the settings it was created with. */
static int plan(struct preparation *preparation, struct machine_error *error)
{
        struct network_state *state = preparation->state;
        struct network_prefix subnet = state->subnet;
        struct network_prefix subnet6 = state->subnet6;
        struct network_address gateway = state->gateway;
        struct network_address gateway6 = state->gateway6;
        uint64_t mtu = state->mtu;
        int r = plan_network(preparation->session, preparation->request->definition, state, error);
        bool same = prefix_equal(&subnet, &state->subnet) &&
                    prefix_equal(&subnet6, &state->subnet6) &&
                    address_equal(&gateway, &state->gateway) &&
                    address_equal(&gateway6, &state->gateway6) && mtu == state->mtu;

        if (r == 0 && !preparation->request->rehearsal) {
                r = apply_collect(preparation->session, same ? state : NULL, error);
        }
        return r;
}

int prepare_take_details(struct preparation *preparation, struct machine_error *error)
{
        struct network_session *session = preparation->session;
        int r;

        if (preparation->request->rehearsal) {
                return 0;
        }
        r = details_save(session->directory_fd, &session->leases, preparation->lease,
                         &preparation->details);
        if (r < 0) {
                return error_set(error, r, "cannot write the ports of machine \"%s\" in %s/details",
                                 preparation->lease->machine, session->path);
        }
        if (preparation->network->index > 0) {
                return names_enter_further(session, preparation->lease, error);
        }
        return names_enter(session, preparation->lease, preparation->details.hosts,
                           preparation->request->machine->network.further_count > 0, error);
}

/* The addresses, and the names beside that of the machine. */
static int take_addresses(struct preparation *preparation, struct machine_error *error)
{
        const struct network *network = preparation->network;
        const struct machine *machine = preparation->request->machine;
        const struct network_link link = network_link_of(machine, network->index);
        const struct lease_request request = { machine, link.address, link.address6,
                                               &network->owner };
        struct network_table *table = &preparation->session->leases;
        int r = lease_take(table, preparation->state, &request, &preparation->lease, error);

        if (r < 0) {
                return r;
        }
        r = aliases_set(table, preparation->lease, link.aliases);
        if (r < 0) {
                return error_set(error, r, "cannot record the aliases of machine \"%s\"",
                                 machine->name);
        }
        preparation->lease->index = (uint8_t)network->index;
        preparation->lease->shared = false;
        preparation->lease->mode = (uint8_t)network->mode;
        preparation->lease->shares[0] = '\0';
        return 0;
}

static int take_lease(struct preparation *preparation, struct machine_error *error)
{
        const struct network_lease last = prepare_take_last_run(preparation);
        int r = take_addresses(preparation, error);

        if (r < 0) {
                return r;
        }
        prepare_settle_place(preparation, &last);
        /* A user's ports are bound already: inside_open(). */
        if (preparation->session->user) {
                return prepare_take_details(preparation, error);
        }
        r = publish_ports(
                &(const struct publication){
                        .session = preparation->session,
                        .state = preparation->state,
                        .lease = preparation->lease,
                        .details = &preparation->details,
                        .same = preparation->same_ports,
                },
                preparation->request->rehearsal ? NULL : &preparation->network->ports, error);
        return r == 0 ? prepare_take_details(preparation, error) : r;
}

int prepare_fail_full(const struct preparation *preparation, struct machine_error *error)
{
        return error_say(error, ENOSPC,
                         "cannot record a lease for machine \"%s\": the table is full",
                         preparation->network->machine);
}

static int prepare_bridge(struct preparation *preparation, struct machine_error *error)
{
        int r;

        if (!preparation->request->definition) {
                return error_say(error, EINVAL,
                                 "the definition of the machine's network is missing");
        }
        preparation->state = leases_network(&preparation->session->leases,
                                            preparation->request->definition->name);
        if (!preparation->state) {
                return prepare_fail_full(preparation, error);
        }
        r = network_session_look_at_host(preparation->session, error);
        if (r == 0) {
                prepare_leave_before(preparation);
                r = plan(preparation, error);
        }
        return r == 0 ? take_lease(preparation, error) : r;
}

/* The machine, as the forwarder of its ports reaches it. */
static void take_target(struct preparation *preparation)
{
        preparation->network->target = (struct forward_target){
                .address = preparation->lease->address,
                .address6 = preparation->lease->address6,
                .gateway = preparation->state->gateway,
                .gateway6 = preparation->state->gateway6,
                .subnet = preparation->state->subnet,
                .subnet6 = preparation->state->subnet6,
        };
}

static int take_texts(struct preparation *preparation, struct machine_error *error)
{
        struct network *network = preparation->network;
        const struct network_lease *lease = preparation->lease;
        char text[ADDRESS_TEXT_SIZE];

        network->hosts = names_path(preparation->session, lease);
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

/* A supervisor that is not the caller is found in /proc. The claim is to all leases of the machine:
 * those of further links follow. */
static void take_claim(const struct preparation *preparation)
{
        struct network *network = preparation->network;

        if (network->owner.pid == getpid() &&
            network->index == preparation->request->machine->network.further_count) {
                claim_take(&network->first->claim, &preparation->session->leases, network->machine,
                           &network->owner);
        }
}

static int prepare_locked(struct preparation *preparation, struct machine_error *error)
{
        int r;

        if (!preparation->request->rehearsal) {
                find_kept(preparation);
        }
        r = check_machine(preparation, error);
        if (r == 0) {
                r = preparation->network->mode == MACHINE_NETWORK_BRIDGE
                            ? prepare_bridge(preparation, error)
                            : prepare_unbridged(preparation, error);
        }
        if (r == 0 && preparation->network->rejoins) {
                r = prepare_update_sharers(preparation, preparation->lease, error);
        }
        if (r == 0 && !preparation->request->rehearsal && preparation->lease->shares[0]) {
                r = prepare_share_links(preparation, error);
        }
        if (r == 0) {
                take_target(preparation);
                r = take_texts(preparation, error);
        }
        if (r < 0 || preparation->request->rehearsal) {
                return r;
        }
        preparation->network->same_ports = preparation->same_ports;
        if (preparation->lease->attached) {
                r = names_list(preparation->session, preparation->lease, error);
        }
        if (r == 0) {
                network_session_save(preparation->session);
        }
        return r;
}

/* A machine that shares its network with no other machine needs no lock, no state and no file that
 * is rewritten, only a constant hosts text. */
static int prepare_alone(struct network *network, const struct network_request *request,
                         struct machine_error *error)
{
        struct network_lease lease = { 0 };
        int r = lease_describe(&lease, request->machine, &network->owner, error);

        if (r == 0 &&
            record_set_text(lease.machine, sizeof(lease.machine), request->machine->name) < 0) {
                r = error_say(error, ENAMETOOLONG, "the name of machine \"%s\" is too long",
                              request->machine->name);
        }
        if (r == 0 &&
            names_write_alone(&lease, request->machine->network.hosts, &network->hosts_text) < 0) {
                r = error_oom(error);
        }
        return r == 0 ? prepare_warn_of_ports(network, request->machine, error) : r;
}

/* Even a machine without a network has a namespace that others may share. */
static int rejoin_alone(struct network *network, const struct network_request *request,
                        struct machine_error *error)
{
        _cleanup_network_session_ struct network_session session = NETWORK_SESSION_INIT;
        struct preparation preparation = { .request = request,
                                           .network = network,
                                           .session = &session };
        const struct network_lease nowhere = { 0 };
        int r = network_session_open(request->runtime_directory, &session, error);

        if (r < 0) {
                return r;
        }
        find_kept(&preparation);
        r = check_machine(&preparation, error);
        if (r == 0 && network->rejoins) {
                preparation.state = leases_network(&session.leases, NETWORK_STATE_UNBRIDGED);
                r = preparation.state ? 0 : prepare_fail_full(&preparation, error);
        }
        if (r == 0 && network->rejoins) {
                prepare_leave_before(&preparation);
                r = namespace_clear(network->shared_fd, 0, error);
        }
        if (r == 0 && network->rejoins) {
                r = prepare_update_sharers(&preparation, &nowhere, error);
        }
        if (r == 0) {
                network_session_save(&session);
        }
        return r;
}

/* Checked without the lock, which a machine without a network should not need. */
static bool is_shared(const struct network_request *request)
{
        _cleanup_free_ char *directory = path_join(request->runtime_directory, "network");

        return directory && sharing_is_marked(directory, request->machine->name);
}

/* Machines that share its network are in its namespace, and cannot follow it to another. */
static int check_followed(const struct network *network, const struct network_request *request,
                          struct machine_error *error)
{
        _cleanup_network_session_ struct network_session session = NETWORK_SESSION_INIT;
        const struct network_lease *sharer;
        int r;

        if ((network->mode != MACHINE_NETWORK_HOST && network->mode != MACHINE_NETWORK_PATH &&
             network->mode != MACHINE_NETWORK_MACHINE) ||
            !is_shared(request)) {
                return 0;
        }
        r = network_session_open(request->runtime_directory, &session, error);
        if (r < 0) {
                return r;
        }
        sharer = sharing_find(&session.leases, network->machine);
        if (!sharer) {
                return 0;
        }
        r = error_say(error, EBUSY,
                      "cannot start machine \"%s\" with network mode \"%s\": machine \"%s\" is "
                      "running in its own network",
                      network->machine, prepare_mode_name(network->mode), sharer->machine);
        error_hint(error, "stop it first: machinectl-lite stop %s", sharer->machine);
        return r;
}

static int prepare_inside(void *data, struct machine_error *error)
{
        return prepare_locked(data, error);
}

static int prepare_among_others(struct network *network, const struct network_request *request,
                                struct machine_error *error)
{
        _cleanup_network_session_ struct network_session session = NETWORK_SESSION_INIT;
        struct preparation preparation = { .request = request,
                                           .network = network,
                                           .session = &session };
        int r = network_open_shared(network, request, error);

        /* Ports and hosts entries are with the first link. */
        if (r == 0 && network->index == 0 &&
            details_copy(&request->machine->network, &preparation.details) < 0) {
                r = error_oom(error);
        }
        if (r == 0) {
                r = network_session_open(request->runtime_directory, &session, error);
        }
        if (r == 0) {
                r = inside_open(network, &session,
                                &(const struct inside_request){
                                        request->machine, request->definition, request->rehearsal },
                                error);
        }
        if (r == 0) {
                r = inside_call(network, prepare_inside, &preparation, error);
        }
        if (r == 0 && !request->rehearsal) {
                take_claim(&preparation);
        }
        details_clear(&preparation.details);
        return r;
}

/* eth1, eth2, .. */
static int prepare_further(struct network *first, const struct network_request *request,
                           struct machine_error *error)
{
        size_t count = request->machine->network.further_count;
        int r = 0;

        first->further = calloc(count, sizeof(struct network *));
        if (!first->further) {
                return error_oom(error);
        }
        for (size_t i = 0; r == 0 && i < count; i++) {
                struct network_request own = *request;
                struct network *network;

                own.definition = request->further[i];
                network = network_new(&own, (unsigned int)i + 1);
                if (!network) {
                        return error_oom(error);
                }
                first->further[first->further_count++] = network;
                network->first = first;
                network->rejoins = first->rejoins;
                network->same_ids = first->same_ids;
                r = prepare_among_others(network, &own, error);
                if (r < 0) {
                        error_prefix(error, "network \"%s\"",
                                     network_link_of(request->machine, network->index).network);
                }
        }
        return r;
}

int network_prepare(const struct network_request *request, struct network **ret,
                    struct machine_error *error)
{
        _cleanup_network_ struct network *network = network_new(request, 0);
        int r;

        if (!network) {
                return error_oom(error);
        }
        r = check_followed(network, request, error);
        if (r == 0 && network->mode == MACHINE_NETWORK_NONE && !request->rehearsal &&
            is_shared(request)) {
                r = rejoin_alone(network, request, error);
        }
        if (r == 0) {
                r = network_is_alone(network->mode) ? prepare_alone(network, request, error)
                                                    : prepare_among_others(network, request, error);
        }
        if (r == 0 && request->machine->network.further_count > 0 &&
            !network_is_alone(network->mode)) {
                r = prepare_further(network, request, error);
        }
        if (r < 0) {
                /* Releases what was saved before a later failure. */
                if (!request->rehearsal) {
                        (void)network_detach(network, NULL);
                }
                return r;
        }
        *ret = TAKE_PTR(network);
        return 0;
}
