/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"

/* What two machines cannot both have. Each is looked for by sorting, so that a thousand definitions
 * take no longer than they must. */

/* One thing that a machine claims for itself. */
struct claim {
        const struct config_definition *owner;
        const char *key;
        size_t index;      /* of the list's element, or SIZE_MAX */
        const char *scope; /* claims of different scopes never clash */
        uint64_t first;    /* numbers first to last of the scope */
        uint64_t last;
        const char *address; /* of a port: NULL is every address */
};

struct claims {
        struct claim *items;
        size_t count;
};

static int add_claim(struct claims *claims, struct claim claim)
{
        size_t n = claims->count;

        if ((n & (n - 1)) == 0) {
                struct claim *grown =
                        reallocarray(claims->items, n ? n * 2 : 1, sizeof(struct claim));

                if (!grown) {
                        return -ENOMEM;
                }
                claims->items = grown;
        }
        claims->items[claims->count++] = claim;
        return 0;
}

static int compare_claims(const void *a, const void *b)
{
        const struct claim *left = a, *right = b;
        int order = strcmp(left->scope, right->scope);

        if (order != 0) {
                return order;
        }
        return left->first < right->first ? -1 : left->first > right->first;
}

static int report_clash(const struct claim *a, const struct claim *b, const char *what)
{
        const struct claim *first = a, *second = b;
        struct config_place place, earlier;
        _cleanup_free_ char *note = NULL;

        /* The later one on the command line is told about, the earlier one is the note. */
        if (a->owner->position > b->owner->position) {
                first = b;
                second = a;
        }
        place = config_definition_place(second->owner, second->key, second->index);
        earlier = config_definition_place(first->owner, first->key, first->index);
        note = string_format("\"%s\" has it here", first->owner->machine->name);
        if (!note) {
                return -ENOMEM;
        }
        return config_report_related(second->owner->diagnostics, DIAGNOSTIC_ERROR, &place,
                                     string_format("%s that the machine \"%s\" has, too", what,
                                                   first->owner->machine->name),
                                     &earlier, note);
}

static bool addresses_meet(const struct claim *a, const struct claim *b)
{
        return !a->address || !b->address || strcmp(a->address, b->address) == 0;
}

/* Claims are sorted by scope and first number: what a claim meets follows it closely. */
static int find_clashes(struct claims *claims, const char *what)
{
        if (claims->count == 0) {
                return 0;
        }
        qsort(claims->items, claims->count, sizeof *claims->items, compare_claims);
        for (size_t i = 0; i < claims->count; i++) {
                const struct claim *claim = &claims->items[i];

                for (size_t k = i + 1; k < claims->count; k++) {
                        const struct claim *other = &claims->items[k];
                        int r;

                        if (strcmp(claim->scope, other->scope) != 0 || other->first > claim->last) {
                                break;
                        }
                        if (claim->owner == other->owner || !addresses_meet(claim, other)) {
                                continue;
                        }
                        r = report_clash(claim, other, what);
                        if (r < 0) {
                                return r;
                        }
                        break;
                }
        }
        return 0;
}

/* ---- What is claimed ---- */

static int claim_name(struct claims *claims, const struct config_definition *definition)
{
        return add_claim(claims, (struct claim){ definition, "", SIZE_MAX,
                                                 definition->machine->name, 0, 0, NULL });
}

static int claim_ports(struct claims *claims, const struct config_definition *definition)
{
        static const char *const protocols[] = { "tcp", "udp", "sctp" };
        const struct machine_network *network = &definition->machine->network;

        for (size_t i = 0; i < network->port_count; i++) {
                const struct machine_port *port = &network->ports[i];
                int r = add_claim(
                        claims, (struct claim){ definition, "ports", i, protocols[port->protocol],
                                                port->host_first, port->host_last, port->address });

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int claim_text(struct claims *claims, const struct config_definition *definition,
                      const char *key, const char *text)
{
        return text ? add_claim(claims,
                                (struct claim){ definition, key, SIZE_MAX, text, 0, 0, NULL })
                    : 0;
}

/* Addresses are compared within a network: two networks may use the same ones. */
static int claim_in_network(struct claims *claims, const struct config_definition *definition,
                            const char *key, const char *address)
{
        if (!address) {
                return 0;
        }
        return add_claim(claims, (struct claim){ definition, key, SIZE_MAX, address, 0, 0,
                                                 definition->machine->network.name });
}

static int claim_address(struct claims *claims, const struct config_definition *definition)
{
        return claim_in_network(claims, definition, "network.address",
                                definition->machine->network.address);
}

static int claim_address6(struct claims *claims, const struct config_definition *definition)
{
        return claim_in_network(claims, definition, "network.address6",
                                definition->machine->network.address6);
}

static int claim_mac(struct claims *claims, const struct config_definition *definition)
{
        return claim_text(claims, definition, "network.mac", definition->machine->network.mac);
}

static int claim_ids(struct claims *claims, const struct config_definition *definition)
{
        const struct machine_namespaces *range = &definition->machine->namespaces;

        if (range->user != MACHINE_USER_NAMESPACE_RANGE) {
                return 0;
        }
        return add_claim(claims, (struct claim){ definition, "user_namespace", SIZE_MAX, "",
                                                 range->user_base,
                                                 (uint64_t)range->user_base + range->user_count - 1,
                                                 NULL });
}

static int claim_upper(struct claims *claims, const struct config_definition *definition)
{
        return claim_text(claims, definition, "upper", definition->machine->root.upper_directory);
}

/* A directory that is written in place is one machine's alone. */
static int claim_rootfs(struct claims *claims, const struct config_definition *definition)
{
        const struct machine_root *root = &definition->machine->root;

        return root->upper == MACHINE_UPPER_IN_PLACE && !root->read_only
                       ? claim_text(claims, definition, "rootfs", root->directory)
                       : 0;
}

static int claim_machine_id(struct claims *claims, const struct config_definition *definition)
{
        return claim_text(claims, definition, "machine_id", definition->machine->machine_id);
}

static const struct {
        int (*claim)(struct claims *claims, const struct config_definition *definition);
        const char *what;
} kinds[] = {
        { claim_name, "a name" },
        { claim_ports, "a port of the host" },
        { claim_address, "an address" },
        { claim_address6, "an address" },
        { claim_mac, "a hardware address" },
        { claim_ids, "a range of ids" },
        { claim_upper, "a directory for writes" },
        { claim_rootfs, "a root that is written in place" },
        { claim_machine_id, "a machine id" },
};

static int check_claims(struct config_definition *const *definitions, size_t count)
{
        for (size_t i = 0; i < ELEMENTS_OF(kinds); i++) {
                struct claims claims = { 0 };
                int r = 0;

                for (size_t k = 0; k < count && r == 0; k++) {
                        r = kinds[i].claim(&claims, definitions[k]);
                }
                r = r < 0 ? r : find_clashes(&claims, kinds[i].what);
                free(claims.items);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

int config_check_together(struct config_definition *const *definitions, size_t count)
{
        int r = check_claims(definitions, count);

        return r < 0 ? r : config_check_order(definitions, count);
}
