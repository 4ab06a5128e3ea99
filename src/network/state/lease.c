/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/state/lease.h"

#include <stdlib.h>

#include "base/strings.h"

/* One address family of a network and of a lease. */
struct family {
        sa_family_t family;
        const struct network_prefix *subnet;
        const struct network_address *gateway;
        const char *asked; /* from the definition, or NULL */
};

static const struct network_address *address_of(const struct network_lease *lease,
                                                sa_family_t family)
{
        return family == AF_INET ? &lease->address : &lease->address6;
}

/* A lease to be taken. */
struct taking {
        struct network_table *table;
        const struct network_state *state;
        const char *machine;
};

static bool is_of(const struct taking *taking, const struct network_lease *lease)
{
        return lease->network == leases_number(taking->table, taking->state);
}

static struct network_lease *find_holder(const struct taking *taking,
                                         const struct network_address *address)
{
        TABLE_FOREACH_LEASE(lease, taking->table)
        {
                if (is_of(taking, lease) && !lease->shared &&
                    address_equal(address_of(lease, address->family), address) &&
                    !string_equal(lease->machine, taking->machine)) {
                        return lease;
                }
        }
        return NULL;
}

static bool is_free(const struct taking *taking, const struct family *family,
                    const struct network_address *address)
{
        return prefix_is_usable(family->subnet, address) &&
               !address_equal(family->gateway, address) && !find_holder(taking, address);
}

/* The address requested by the definition. */
static int take_asked(const struct taking *taking, const struct family *family,
                      struct network_address *ret, struct machine_error *error)
{
        const struct network_state *state = taking->state;
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
                                 "cannot give the machine the address %s: it is not a usable "
                                 "address of the subnet %s of network \"%s\"",
                                 family->asked, prefix_format(family->subnet, subnet), state->name);
        }
        if (address_equal(family->gateway, &address)) {
                return error_say(error, EADDRINUSE,
                                 "cannot give the machine the address %s: it is the gateway of "
                                 "network \"%s\"",
                                 family->asked, state->name);
        }
        holder = find_holder(taking, &address);
        if (holder && lease_is_live(holder)) {
                return error_say(
                        error, EADDRINUSE,
                        "cannot give the machine the address %s: machine \"%s\" already has it",
                        family->asked, holder->machine);
        }
        if (holder) {
                leases_remove(taking->table, holder);
        }
        *ret = address;
        return 0;
}

/* Drops the addresses remembered for the machine that has not run for longest. */
static bool forget_one(const struct taking *taking)
{
        struct network_lease *oldest = NULL;

        TABLE_FOREACH_LEASE(lease, taking->table)
        {
                if (is_of(taking, lease) && lease->owner.pid == 0 &&
                    !string_equal(lease->machine, taking->machine) &&
                    (!oldest || lease->used < oldest->used)) {
                        oldest = lease;
                }
        }
        if (!oldest) {
                return false;
        }
        leases_remove(taking->table, oldest);
        return true;
}

/* Looks for the first free one from a place of the subnet on. */
static int probe(const struct taking *taking, const struct family *family, uint64_t start,
                 struct network_address *ret)
{
        uint64_t size = prefix_size(family->subnet);
        uint64_t tries = taking->table->count + 4;

        /* Each record takes one at most, and so do the gateway and the first and last address. */
        for (uint64_t i = 0; i < (tries < size ? tries : size); i++) {
                struct network_address address;

                prefix_at(family->subnet, (start + i) % size, &address);
                if (is_free(taking, family, &address)) {
                        *ret = address;
                        return 0;
                }
        }
        return -ENOSPC;
}

static int take_any(const struct taking *taking, const struct family *family,
                    struct network_address *ret, struct machine_error *error)
{
        uint64_t start = string_hash(taking->machine, strlen(taking->machine));
        char subnet[ADDRESS_TEXT_SIZE];
        int r;

        do {
                r = probe(taking, family, start % prefix_size(family->subnet), ret);
        } while (r < 0 && forget_one(taking));
        if (r < 0) {
                error_say(error, ENOSPC,
                          "network \"%s\" has no free address in its subnet %s: all are in use by "
                          "machines",
                          taking->state->name, prefix_format(family->subnet, subnet));
                error_hint(error, "give the network a larger subnet, or stop a machine");
        }
        return r;
}

static int take_family(const struct taking *taking, const struct family *family,
                       const struct network_address *remembered, struct network_address *ret,
                       struct machine_error *error)
{
        if (family->asked) {
                return take_asked(taking, family, ret, error);
        }
        if (!prefix_is_set(family->subnet)) {
                return 0;
        }
        if (address_is_set(remembered) && is_free(taking, family, remembered)) {
                *ret = *remembered;
                return 0;
        }
        return take_any(taking, family, ret, error);
}

int lease_describe(struct network_lease *lease, const struct machine *machine,
                   const struct process_identity *owner, struct machine_error *error)
{
        lease->owner = *owner;
        if (record_set_text(lease->hostname, sizeof(lease->hostname), machine->hostname) < 0 ||
            record_set_text(lease->domainname, sizeof(lease->domainname), machine->domainname) <
                    0) {
                return error_say(error, ENAMETOOLONG,
                                 "the host or domain name of machine \"%s\" is longer than %d "
                                 "characters",
                                 machine->name, NETWORK_NAME_SIZE - 1);
        }
        return 0;
}

int lease_take(struct network_table *table, const struct network_state *state,
               const struct lease_request *request, struct network_lease **ret,
               struct machine_error *error)
{
        const char *machine = request->machine->name;
        const struct taking taking = { table, state, machine };
        const struct family four = { AF_INET, &state->subnet, &state->gateway, request->address };
        const struct family six = { AF_INET6, &state->subnet6, &state->gateway6,
                                    request->address6 };
        struct network_lease *lease = leases_find(table, state, machine);
        const struct network_address none = { 0 };
        struct network_address address = { 0 };
        struct network_address address6 = { 0 };
        int r = take_family(&taking, &four, lease ? &lease->address : &none, &address, error);

        if (r == 0) {
                r = take_family(&taking, &six, lease ? &lease->address6 : &none, &address6, error);
        }
        if (r < 0) {
                return r;
        }
        lease = lease ? lease : leases_add_lease(table, state, machine);
        if (!lease) {
                return error_say(error, ENOSPC, "the table of leases is full");
        }
        lease->address = address;
        lease->address6 = address6;
        lease->used = ++leases_host(table)->sequence;
        *ret = lease;
        return lease_describe(lease, request->machine, request->owner, error);
}
