/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/check/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "base/strings.h"

/* Conflicts between machines, found by sorting so that checking a thousand definitions stays fast.
 */

/* A resource that a machine claims. */
struct claim {
        const struct config_definition *owner;
        const char *key;
        size_t index;      /* of the list's element, or SIZE_MAX */
        const char *scope; /* claims of different scopes never conflict */
        uint64_t first;    /* numbers first to last of the scope */
        uint64_t last;
        const char *address; /* of a port: NULL is every address */
        bool shared;         /* conflicts only with a claim that is not shared */
        const char *what;    /* or NULL: the name of its kind */
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

        if (order == 0) {
                order = left->first < right->first ? -1 : left->first > right->first;
        }
        /* The few claims that write to a directory precede the many that read it. */
        return order != 0 ? order : left->shared - right->shared;
}

static int report_clash(const struct claim *a, const struct claim *b, const char *what)
{
        const struct claim *first = a, *second = b;
        struct config_place place, earlier;
        _cleanup_free_ char *note = NULL;

        /* The finding is about the later one on the command line, the note about the earlier one.
         */
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
                                     string_format("%s that is also used by machine \"%s\"",
                                                   a->what ? a->what : what,
                                                   first->owner->machine->name),
                                     &earlier, note);
}

static bool addresses_meet(const struct claim *a, const struct claim *b)
{
        return !a->address || !b->address || strcmp(a->address, b->address) == 0;
}

/* Claims are sorted by scope and first number: conflicting claims are close to each other. */
static int find_clashes(struct claims *claims, const char *what)
{
        if (claims->count == 0) {
                return 0;
        }
        qsort(claims->items, claims->count, sizeof *claims->items, compare_claims);
        for (size_t i = 0; i < claims->count; i++) {
                const struct claim *claim = &claims->items[i];

                for (size_t k = i + 1; k < claims->count && !claim->shared; k++) {
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
                        /* Two that write are reported against each other; each that reads is
                         * reported. */
                        if (!other->shared) {
                                break;
                        }
                }
        }
        return 0;
}

/* ---- Claims ---- */

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

/* What a machine has in the networks that it joins besides the first one. */
struct claimed_link {
        const char *name;
        const char *address;
};

/* Addresses are compared per network: two networks may use the same ones. */
static int claim_in_network(struct claims *claims, const struct config_definition *definition,
                            const char *key, size_t index, struct claimed_link link)
{
        if (!link.address) {
                return 0;
        }
        return add_claim(claims,
                         (struct claim){ definition, key, index, link.address, 0, 0, link.name });
}

/* An address of each link, which a function finds in the element of `networks`. */
static int claim_links(struct claims *claims, const struct config_definition *definition,
                       struct claimed_link (*find)(const struct machine_further_network *further))
{
        const struct machine_network *network = &definition->machine->network;
        int r = 0;

        for (size_t i = 0; r == 0 && i < network->further_count; i++) {
                r = claim_in_network(claims, definition, "networks", i, find(&network->further[i]));
        }
        return r;
}

static struct claimed_link find_address(const struct machine_further_network *further)
{
        return (struct claimed_link){ further->name, further->address };
}

static struct claimed_link find_address6(const struct machine_further_network *further)
{
        return (struct claimed_link){ further->name, further->address6 };
}

static struct claimed_link find_mac(const struct machine_further_network *further)
{
        return (struct claimed_link){ NULL, further->mac };
}

static int claim_address(struct claims *claims, const struct config_definition *definition)
{
        const struct machine_network *network = &definition->machine->network;
        int r = claim_in_network(claims, definition, "network.address", SIZE_MAX,
                                 (struct claimed_link){ network->name, network->address });

        return r < 0 ? r : claim_links(claims, definition, find_address);
}

static int claim_address6(struct claims *claims, const struct config_definition *definition)
{
        const struct machine_network *network = &definition->machine->network;
        int r = claim_in_network(claims, definition, "network.address6", SIZE_MAX,
                                 (struct claimed_link){ network->name, network->address6 });

        return r < 0 ? r : claim_links(claims, definition, find_address6);
}

static int claim_mac(struct claims *claims, const struct config_definition *definition)
{
        int r = claim_text(claims, definition, "network.mac", definition->machine->network.mac);

        return r < 0 ? r : claim_links(claims, definition, find_mac);
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

/* A directory is identified by device and inode, which resolves links and bind mounts, and a
 * missing one by its path, which is the scope of the claim. */
static int claim_directory(struct claims *claims, struct claim claim, const char *path)
{
        struct stat status;

        if (stat(path, &status) == 0) {
                const uint64_t identity[] = { status.st_dev, status.st_ino };

                claim.scope = "";
                claim.first = claim.last = string_hash(identity, sizeof identity);
        }
        return claim.scope ? add_claim(claims, claim) : 0;
}

/* The directory itself and `upper` in it, which another machine can use as a layer. */
static int claim_upper(struct claims *claims, const struct config_definition *definition)
{
        const struct machine_root *root = &definition->machine->root;
        struct claim claim = {
                .owner = definition,
                .key = "upper",
                .index = SIZE_MAX,
                .scope = root->upper_directory,
                .shared = root->read_only && root->source != MACHINE_ROOT_IMAGE,
        };
        _cleanup_free_ char *upper = NULL;
        int r;

        if (!root->upper_directory) {
                return 0;
        }
        upper = path_join(root->upper_directory, "upper");
        r = upper ? claim_directory(claims, claim, root->upper_directory) : -ENOMEM;
        claim.scope = NULL;
        return r < 0 ? r : claim_directory(claims, claim, upper);
}

static int claim_rootfs(struct claims *claims, const struct config_definition *definition)
{
        const struct machine_root *root = &definition->machine->root;
        const struct claim claim = {
                .owner = definition,
                .key = "rootfs",
                .index = SIZE_MAX,
                .scope = root->directory,
                .shared = root->upper != MACHINE_UPPER_IN_PLACE || root->read_only,
                .what = "a root that is written to in place",
        };

        return root->directory ? claim_directory(claims, claim, root->directory) : 0;
}

static int claim_layers(struct claims *claims, const struct config_definition *definition)
{
        struct claim claim = { .owner = definition, .key = "overlay", .shared = true };
        int r = 0;

        STRV_FOREACH(layer, definition->machine->root.layers) {
                r = r < 0 ? r : claim_directory(claims, claim, *layer);
                claim.index++;
        }
        return r;
}

static int claim_mounted_layers(struct claims *claims, const struct config_definition *definition)
{
        const struct machine *machine = definition->machine;
        int r = 0;

        for (size_t i = 0; r == 0 && i < machine->mount_count; i++) {
                const struct claim claim = {
                        .owner = definition, .key = "mounts", .index = i, .shared = true
                };
                _cleanup_strv_ char **layers = NULL;

                if (machine->mounts[i].type != MACHINE_MOUNT_OVERLAY ||
                    !machine->mounts[i].source) {
                        continue;
                }
                r = strv_split(machine->mounts[i].source, ':', &layers);
                STRV_FOREACH(layer, layers) {
                        r = r < 0 ? r : claim_directory(claims, claim, *layer);
                }
        }
        return r;
}

/* No other machine may use a directory that a machine writes to. */
static int claim_trees(struct claims *claims, const struct config_definition *definition)
{
        int r = claim_upper(claims, definition);

        r = r < 0 ? r : claim_rootfs(claims, definition);
        r = r < 0 ? r : claim_layers(claims, definition);
        return r < 0 ? r : claim_mounted_layers(claims, definition);
}

/* The rule of src/state/volumes.h. */
static int claim_volumes(struct claims *claims, const struct config_definition *definition)
{
        const struct machine *machine = definition->machine;
        int r = 0;

        for (size_t i = 0; r == 0 && i < machine->mount_count; i++) {
                const struct machine_mount *mount = &machine->mounts[i];
                const struct claim claim = {
                        .owner = definition,
                        .key = "mounts",
                        .index = i,
                        .scope = mount->source,
                        .shared = mount->read_only || strv_contains(mount->options, "ro"),
                };

                if (mount->type == MACHINE_MOUNT_VOLUME && mount->source) {
                        r = add_claim(claims, claim);
                }
        }
        return r;
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
        { claim_trees, "a directory for writes" },
        { claim_volumes, "a volume for writes" },
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
        int r;

        if (count > 0) {
                diagnostics_begin(definitions[0]->diagnostics);
        }
        r = check_claims(definitions, count);
        return r < 0 ? r : config_check_order(definitions, count);
}
