/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/output/machine_tree.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/output/branch.h"

static const json_t *find(const json_t *array, const char *name)
{
        const json_t *object;
        size_t index;

        json_array_foreach(array, index, object)
        {
                if (string_equal(json_get_string(object, "name"), name)) {
                        return object;
                }
        }
        return NULL;
}

/* The network that a machine's first link is in. */
static const json_t *network_of(const json_t *networks, const char *machine)
{
        const json_t *network;
        size_t index;

        json_array_foreach(networks, index, network)
        {
                const json_t *lease = find(json_object_get(network, "machines"), machine);
                const char *interface = json_get_string(lease, "interface");

                if (lease && (!interface || string_equal(interface, "eth0"))) {
                        return network;
                }
        }
        return NULL;
}

/* ---- Making it ---- */

/* A copy of a machine with those that share its network. `depth` ends what damaged records would
 * make a circle. */
static json_t *with_members(const json_t *machine, const json_t *machines, unsigned int depth)
{
        _cleanup_json_ json_t *object = json_deep_copy(machine);
        json_t *members = json_array();
        const char *name = json_get_string(machine, "name");
        const json_t *other;
        size_t index;

        if (!object || json_set_value(object, "machines", members) < 0) {
                return NULL;
        }
        json_array_foreach(machines, index, other)
        {
                if (depth < BRANCH_DEPTH &&
                    string_equal(json_get_string(other, "network_of"), name) &&
                    json_array_append_new(members, with_members(other, machines, depth + 1)) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(object);
}

static bool is_group(const json_t *group, const char *mode, const char *network)
{
        return string_equal(json_get_string(group, "mode"), mode) &&
               string_equal(json_get_string(group, "network"), network);
}

/* The machines of the group of a mode and a network, which is made if it is missing. NULL if out of
 * memory. */
static json_t *group_machines(json_t *tree, const char *mode, const json_t *network)
{
        const char *name = json_get_string(network, "name");
        json_t *group;
        size_t index;

        json_array_foreach(tree, index, group)
        {
                if (is_group(group, mode, name)) {
                        return json_object_get(group, "machines");
                }
        }
        group = json_object();
        if (!group || json_array_append_new(tree, group) < 0 ||
            json_set_string(group, "mode", mode) < 0 ||
            json_set_string(group, "network", name) < 0 ||
            json_set_string(group, "subnet", json_get_string(network, "subnet")) < 0 ||
            json_set_string(group, "subnet6", json_get_string(network, "subnet6")) < 0 ||
            json_set_value(group, "machines", json_array()) < 0) {
                return NULL;
        }
        return json_object_get(group, "machines");
}

static int add_machine(json_t *tree, const json_t *machine, const json_t *machines,
                       const json_t *networks)
{
        const char *owner = json_get_string(machine, "network_of");
        const json_t *network = network_of(networks, json_get_string(machine, "name"));
        const char *mode = network ? "bridge" : json_get_string(machine, "mode");
        json_t *group;

        if (owner && find(machines, owner)) {
                return 0; /* it is below that one */
        }
        group = group_machines(tree, mode, network);
        return !group || json_array_append_new(group, with_members(machine, machines, 0)) < 0
                       ? -ENOMEM
                       : 0;
}

json_t *machine_tree(const json_t *machines, const json_t *networks)
{
        _cleanup_json_ json_t *tree = json_array();
        const json_t *machine;
        size_t index;

        if (!tree) {
                return NULL;
        }
        json_array_foreach(machines, index, machine)
        {
                if (add_machine(tree, machine, machines, networks) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(tree);
}

/* ---- Drawing it ---- */

static const char *state_colour(const char *state)
{
        static const struct {
                const char *state, *colour;
        } colours[] = {
                { "running", "\033[32m" },  { "failed", "\033[31m" },   { "paused", "\033[33m" },
                { "starting", "\033[33m" }, { "stopping", "\033[33m" },
        };

        for (size_t i = 0; i < ELEMENTS_OF(colours); i++) {
                if (string_equal(state, colours[i].state)) {
                        return colours[i].colour;
                }
        }
        return "";
}

void machine_tree_print_name(const struct cli *cli, const char *name, const char *state)
{
        const char *colour = cli->colour ? state_colour(state) : "";

        printf("%s%s%s", colour, name, *colour ? "\033[0m" : "");
}

/* " also in BACK 10.89.0.2" */
static void print_further(const json_t *machine)
{
        const json_t *network;
        size_t index;

        json_array_foreach(json_object_get(machine, "networks"), index, network)
        {
                const char *address = json_get_string(network, "address");
                const char *address6 = json_get_string(network, "address6");

                if (index > 0) {
                        printf(", also in %s %s", json_get_string(network, "name"),
                               address    ? address
                               : address6 ? address6
                                          : "");
                }
        }
}

static void print_machine(const struct cli *cli, const json_t *machine)
{
        static const char *const texts[] = { "address", "address6" };
        const char *state = json_get_string(machine, "state");
        const char *health = json_get_string(machine, "health");
        const char *owner = json_get_string(machine, "network_of");
        const json_t *port;
        size_t index;

        machine_tree_print_name(cli, json_get_string(machine, "name"), state);
        printf("%s %s", json_is_true(json_object_get(machine, "pod")) ? " (pod)" : "", state);
        if (health) {
                printf(", %s", health);
        }
        /* Those of a machine in the network of another one are that one's. */
        for (size_t i = 0; !owner && i < ELEMENTS_OF(texts); i++) {
                const char *text = json_get_string(machine, texts[i]);

                printf("%s%s", text ? " " : "", text ? text : "");
        }
        json_array_foreach(json_object_get(machine, "ports"), index, port)
        {
                printf(" %s", json_string_value(port));
        }
        if (!owner) {
                print_further(machine);
        }
        putchar('\n');
}

static void print_machines(const struct cli *cli, const json_t *machines,
                           const struct branch *branch)
{
        const json_t *machine;
        size_t index;

        json_array_foreach(machines, index, machine)
        {
                bool last = index + 1 == json_array_size(machines);
                const struct branch below = branch_below(branch, last);

                branch_print(branch, last);
                print_machine(cli, machine);
                print_machines(cli, json_object_get(machine, "machines"), &below);
        }
}

static void print_group(const json_t *group)
{
        static const char *const texts[] = { "subnet", "subnet6" };
        const char *network = json_get_string(group, "network");
        const char *mode = json_get_string(group, "mode");

        if (network) {
                printf("network %s", network);
        } else if (string_equal(mode, "host")) {
                printf("network of the host");
        } else if (string_equal(mode, "none")) {
                printf("no network");
        } else {
                printf("network %s", mode ? mode : "not known");
        }
        for (size_t i = 0; i < ELEMENTS_OF(texts); i++) {
                const char *text = json_get_string(group, texts[i]);

                printf("%s%s", text ? " " : "", text ? text : "");
        }
        putchar('\n');
}

void machine_tree_print(const struct cli *cli, const json_t *tree)
{
        const struct branch root = branch_root();
        const json_t *group;
        size_t index;

        json_array_foreach(tree, index, group)
        {
                print_group(group);
                print_machines(cli, json_object_get(group, "machines"), &root);
        }
}
