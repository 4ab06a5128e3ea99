/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/prepare.h"

#include <sys/stat.h>

#include "base/strings.h"
#include "network/host/namespace.h"
#include "network/state/lease.h"
#include "network/state/sharing.h"

/* Machines without a bridge get the addresses and names that others take from the lease. */
static int take_static(struct preparation *preparation, struct machine_error *error)
{
        const struct machine_network *settings = &preparation->request->machine->network;

        if ((settings->address &&
             address_parse(settings->address, &preparation->lease->address) < 0) ||
            (settings->address6 &&
             address_parse(settings->address6, &preparation->lease->address6) < 0)) {
                return error_say(error, EINVAL, "the machine's address is invalid");
        }
        return 0;
}

int prepare_warn_of_ports(struct network *network, const struct machine *machine,
                          struct machine_error *error)
{
        if (machine->network.port_count > 0 &&
            strv_take(&network->warnings,
                      string_format("the ports of machine \"%s\" are not published: a machine with "
                                    "network mode \"%s\" has no address of its own to forward to",
                                    machine->name, prepare_mode_name(machine->network.mode))) < 0) {
                return error_oom(error);
        }
        return 0;
}

/* Whether a machine's namespace is not its own but the host's, one with a path, or another
 * machine's that is neither. Such a namespace needs nobody to keep it. */
static bool is_foreign(const struct network_lease *lease, int namespace_fd)
{
        _cleanup_close_ int own = namespace_open_own();
        struct stat host, space;

        if (lease && !lease->shares[0] &&
            (lease->mode == MACHINE_NETWORK_PATH || lease->mode == MACHINE_NETWORK_MACHINE)) {
                return true;
        }
        return own >= 0 && fstat(own, &host) == 0 && fstat(namespace_fd, &space) == 0 &&
               host.st_dev == space.st_dev && host.st_ino == space.st_ino;
}

/* A machine that shares another's network has its addresses and attachment, and holds the
 * namespace. */
static int describe_sharing(struct preparation *preparation, const struct network_lease *shared)
{
        struct network_lease *lease = preparation->lease;
        const char *target = preparation->request->machine->network.target;

        if (shared) {
                lease->address = shared->address;
                lease->address6 = shared->address6;
        }
        if (is_foreign(shared, preparation->network->shared_fd)) {
                return 0;
        }
        lease->attached = shared != NULL && network_has_bridge(preparation->state);
        lease->descriptor = (uint64_t)preparation->network->shared_fd;
        lease->user_base = preparation->request->shared_user_base;
        (void)record_set_text(lease->shares, sizeof(lease->shares),
                              shared && shared->shares[0] ? shared->shares : target);
        return preparation->request->rehearsal
                       ? 0
                       : sharing_mark(preparation->session->path, lease->shares);
}

/* The record of the last run is used again, that of another kind of network is not. */
static int add_lease(struct preparation *preparation, struct machine_error *error)
{
        struct network_table *table = &preparation->session->leases;
        const char *machine = preparation->network->machine;
        struct network_lease *old = leases_find(table, preparation->state, machine);

        if (old && old != preparation->before) {
                leases_remove(table, old);
                old = NULL;
        }
        preparation->lease = old ? old : leases_add_lease(table, preparation->state, machine);
        if (!preparation->lease) {
                return prepare_fail_full(preparation, error);
        }
        preparation->lease->index = 0;
        preparation->lease->shared = true;
        preparation->lease->mode = (uint8_t)preparation->network->mode;
        preparation->lease->address = preparation->lease->address6 = (struct network_address){ 0 };
        return 0;
}

/* Ports of a machine without an address of its own are not published. */
static void drop_ports(struct lease_details *details)
{
        char **hosts = TAKE_PTR(details->hosts);

        details_clear(details);
        details->hosts = hosts;
}

static int describe_unbridged(struct preparation *preparation, const struct network_lease *last,
                              const struct network_lease *shared, struct machine_error *error)
{
        int r = add_lease(preparation, error);

        if (r == 0 && preparation->network->mode == MACHINE_NETWORK_MACHINE &&
            (r = describe_sharing(preparation, shared)) < 0) {
                error_set(error, r, "cannot record that the network is shared");
        }
        if (r == 0) {
                r = lease_describe(preparation->lease, preparation->request->machine,
                                   &preparation->network->owner, error);
        }
        if (r == 0 && preparation->network->parent) {
                r = take_static(preparation, error);
        }
        if (r == 0 && preparation->network->mode != MACHINE_NETWORK_MACHINE) {
                prepare_settle_place(preparation, last);
        }
        return r;
}

int prepare_unbridged(struct preparation *preparation, struct machine_error *error)
{
        const struct machine *machine = preparation->request->machine;
        struct network_table *table = &preparation->session->leases;
        const struct network_lease *shared =
                preparation->network->mode == MACHINE_NETWORK_MACHINE
                        ? leases_find_owned(table, machine->network.target, 0)
                        : NULL;
        struct network_lease last;
        int r;

        preparation->state = shared ? leases_network_of(table, shared)
                                    : leases_network(table, NETWORK_STATE_UNBRIDGED);
        if (!preparation->state) {
                return prepare_fail_full(preparation, error);
        }
        prepare_leave_before(preparation);
        last = prepare_take_last_run(preparation);
        drop_ports(&preparation->details);
        r = describe_unbridged(preparation, &last, shared, error);
        if (r == 0) {
                r = prepare_take_details(preparation, error);
        }
        return r == 0 ? prepare_warn_of_ports(preparation->network, machine, error) : r;
}
