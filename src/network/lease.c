/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/lease.h"

#include <stdlib.h>

#include "base/strings.h"

/* One family of a network and of a lease. */
struct family {
        sa_family_t family;
        const struct network_prefix *subnet;
        const struct network_address *gateway;
        const char *asked; /* text of the definition, or NULL */
};

static const struct network_address *address_of(const struct network_lease *lease,
                                                sa_family_t family)
{
        return family == AF_INET ? &lease->address : &lease->address6;
}

static struct network_lease *find_holder(const struct network_state *state,
                                         const struct network_address *address, const char *machine)
{
        for (size_t i = 0; i < state->lease_count; i++) {
                struct network_lease *lease = &state->leases[i];

                if (!lease->shared && !string_equal(lease->machine, machine) &&
                    address_equal(address_of(lease, address->family), address)) {
                        return lease;
                }
        }
        return NULL;
}

static bool is_free(const struct network_state *state, const struct family *family,
                    const struct network_address *address, const char *machine)
{
        return prefix_is_usable(family->subnet, address) &&
               !address_equal(family->gateway, address) && !find_holder(state, address, machine);
}

/* The address that the definition asks for. */
static int take_asked(struct network_state *state, const struct family *family, const char *machine,
                      struct network_address *ret, struct machine_error *error)
{
        struct network_address address;
        struct network_lease *holder;
        char subnet[ADDRESS_TEXT_SIZE];

        if (address_parse(family->asked, &address) < 0 || address.family != family->family) {
                return error_say(error, EINVAL, "the address \"%s\" is not an IPv%c address",
                                 family->asked, family->family == AF_INET ? '4' : '6');
        }
        if (!prefix_is_set(family->subnet)) {
                return error_say(error, EADDRNOTAVAIL,
                                 "cannot give the machine the address %s: network \"%s\" has no "
                                 "IPv%c subnet",
                                 family->asked, state->name, family->family == AF_INET ? '4' : '6');
        }
        if (!prefix_is_usable(family->subnet, &address)) {
                return error_say(error, EADDRNOTAVAIL,
                                 "cannot give the machine the address %s: it is not one for "
                                 "machines in the subnet %s of network \"%s\"",
                                 family->asked, prefix_format(family->subnet, subnet), state->name);
        }
        if (address_equal(family->gateway, &address)) {
                return error_say(error, EADDRINUSE,
                                 "cannot give the machine the address %s: it is the gateway of "
                                 "network \"%s\"",
                                 family->asked, state->name);
        }
        holder = find_holder(state, &address, machine);
        if (holder && lease_is_live(holder)) {
                return error_say(error, EADDRINUSE,
                                 "cannot give the machine the address %s: machine \"%s\" has it",
                                 family->asked, holder->machine);
        }
        if (holder) {
                network_state_remove(state, holder);
        }
        *ret = address;
        return 0;
}

/* Frees the addresses that are remembered for the machine that has not run for longest. */
static bool forget_one(struct network_state *state, const char *machine)
{
        struct network_lease *oldest = NULL;

        for (size_t i = 0; i < state->lease_count; i++) {
                struct network_lease *lease = &state->leases[i];

                if (lease->owner.pid == 0 && !string_equal(lease->machine, machine) &&
                    (!oldest || lease->used < oldest->used)) {
                        oldest = lease;
                }
        }
        if (!oldest) {
                return false;
        }
        network_state_remove(state, oldest);
        return true;
}

/* Among so many neighbours one is free, unless the subnet is smaller: each lease takes one, and so
 * do the gateway and the first and the last address. */
static int probe(const struct network_state *state, const struct family *family, uint64_t start,
                 const char *machine, struct network_address *ret)
{
        uint64_t size = prefix_size(family->subnet);
        uint64_t tries = state->lease_count + 4;

        for (uint64_t i = 0; i < (tries < size ? tries : size); i++) {
                struct network_address address;

                prefix_at(family->subnet, (start + i) % size, &address);
                if (is_free(state, family, &address, machine)) {
                        *ret = address;
                        return 0;
                }
        }
        return -ENOSPC;
}

static int take_any(struct network_state *state, const struct family *family, const char *machine,
                    struct network_address *ret, struct machine_error *error)
{
        uint64_t start = string_hash(machine, strlen(machine));
        char subnet[ADDRESS_TEXT_SIZE];
        int r;

        do {
                r = probe(state, family, start % prefix_size(family->subnet), machine, ret);
        } while (r < 0 && forget_one(state, machine));
        if (r < 0) {
                error_say(error, ENOSPC,
                          "network \"%s\" has no free address in its subnet %s: machines have all "
                          "of them",
                          state->name, prefix_format(family->subnet, subnet));
                error_hint(error, "give the network a larger subnet, or stop a machine");
        }
        return r;
}

static int take_family(struct network_state *state, const struct family *family,
                       const char *machine, const struct network_address *remembered,
                       struct network_address *ret, struct machine_error *error)
{
        if (family->asked) {
                return take_asked(state, family, machine, ret, error);
        }
        if (!prefix_is_set(family->subnet)) {
                return 0;
        }
        if (address_is_set(remembered) && is_free(state, family, remembered, machine)) {
                *ret = *remembered;
                return 0;
        }
        return take_any(state, family, machine, ret, error);
}

static int copy_ports(struct network_lease *lease, const struct machine_network *network)
{
        if (network->port_count == 0) {
                return 0;
        }
        lease->ports = calloc(network->port_count, sizeof(*lease->ports));
        if (!lease->ports) {
                return -ENOMEM;
        }
        for (size_t i = 0; i < network->port_count; i++) {
                struct machine_port port = network->ports[i];

                if (port.address) {
                        port.address = strdup(port.address);
                        if (!port.address) {
                                return -ENOMEM;
                        }
                }
                lease->ports[lease->port_count++] = port;
        }
        return 0;
}

int lease_describe(struct network_lease *lease, const struct machine *machine,
                   const struct process_identity *owner, struct machine_error *error)
{
        lease->owner = *owner;
        if (string_replace(&lease->hostname, machine->hostname) < 0 ||
            string_replace(&lease->domainname, machine->domainname) < 0) {
                return error_oom(error);
        }
        strv_free(TAKE_PTR(lease->hosts));
        lease->hosts = strv_copy(machine->network.hosts);
        if ((machine->network.hosts && !lease->hosts) || copy_ports(lease, &machine->network) < 0) {
                return error_oom(error);
        }
        return 0;
}

int lease_take(struct network_state *state, const struct machine *machine,
               const struct process_identity *owner, struct network_lease **ret,
               struct machine_error *error)
{
        struct family four = { AF_INET, &state->subnet, &state->gateway, machine->network.address };
        struct family six = { AF_INET6, &state->subnet6, &state->gateway6,
                              machine->network.address6 };
        struct network_lease *lease = network_state_find(state, machine->name);
        struct network_address remembered = { 0 };
        struct network_address remembered6 = { 0 };
        struct network_address address = { 0 };
        struct network_address address6 = { 0 };
        int r;

        if (lease) {
                remembered = lease->address;
                remembered6 = lease->address6;
        }
        r = take_family(state, &four, machine->name, &remembered, &address, error);
        if (r == 0) {
                r = take_family(state, &six, machine->name, &remembered6, &address6, error);
        }
        if (r < 0) {
                return r;
        }
        lease = network_state_find(state, machine->name);
        if (lease) {
                network_state_remove(state, lease);
        }
        lease = network_state_add(state, machine->name);
        if (!lease) {
                return error_oom(error);
        }
        lease->address = address;
        lease->address6 = address6;
        lease->used = ++state->sequence;
        *ret = lease;
        return lease_describe(lease, machine, owner, error);
}
