/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/output/network_picture.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/strings.h"
#include "cli/output/branch.h"
#include "cli/output/machine_tree.h"

const char *network_judge(const json_t *network, const json_t *machine)
{
        if (!json_is_integer(json_object_get(machine, "pid"))) {
                return "stopped";
        }
        if (json_get_string(machine, "shares")) {
                return "shared";
        }
        if (!json_is_true(json_object_get(machine, "link_up"))) {
                return "no link";
        }
        if (json_is_null(json_object_get(machine, "ports_missing"))) {
                return "link up";
        }
        if (!json_is_true(json_object_get(network, "spoofing")) &&
            !json_is_true(json_object_get(machine, "guarded"))) {
                return "not guarded";
        }
        if (json_array_size(json_object_get(machine, "ports_missing")) > 0) {
                return "ports missing";
        }
        return json_array_size(json_object_get(machine, "ports")) > 0 &&
                               !json_get_string(machine, "address")
                       ? "ports by IPv6 only"
                       : "ok";
}

static bool is(const json_t *network, const char *key)
{
        return json_is_true(json_object_get(network, key));
}

/* What the rules let the machines of a network do, see network(5). */
static void print_reach(const json_t *network)
{
        const json_t *uplink = json_object_get(network, "uplink");
        bool down = json_is_object(uplink) && !is(uplink, "running");
        bool internal = is(network, "internal");

        fputs(is(network, "isolated") ? "they do not reach each other; they reach the host"
                                      : "they reach each other, the host",
              stdout);
        if (internal) {
                puts(", and nothing else");
        } else if (down) {
                puts(", published ports; the way out is closed at present");
        } else {
                puts(", published ports and the outside");
        }
}

/* "[IP:]HOST:MACHINE/PROTOCOL" */
static void print_port(const json_t *network, const char *port, const char *arrow)
{
        const char *colon = strrchr(port, ':');
        const char *from = "everywhere";

        if (string_after(port, "127.") || string_after(port, "[::1]")) {
                from = "the host";
        }
        if (is(network, "internal")) {
                from = "nowhere: the network is internal";
        }
        printf("%.*s %s %s from %s\n", colon ? (int)(colon - port) : 0, port, arrow,
               colon ? colon + 1 : port, from);
}

static void print_below(const json_t *network, const json_t *machine, const struct branch *branch)
{
        const json_t *ports = json_object_get(machine, "ports");
        const json_t *sharers = json_object_get(machine, "shared_by");
        size_t count = json_array_size(ports) + json_array_size(sharers), shown = 0, index;
        const json_t *item;

        json_array_foreach(ports, index, item)
        {
                branch_print(branch, ++shown == count);
                print_port(network, json_string_value(item), branch->utf8 ? "→" : "->");
        }
        json_array_foreach(sharers, index, item)
        {
                branch_print(branch, ++shown == count);
                printf("%s, which has the same addresses and ports\n", json_string_value(item));
        }
}

/* " as www, site", and by which link, unless it is the first. */
static void print_link(const json_t *machine)
{
        const char *interface = json_get_string(machine, "interface");
        const json_t *alias;
        size_t index;

        json_array_foreach(json_object_get(machine, "aliases"), index, alias)
        {
                printf("%s%s", index == 0 ? " as " : ", ", json_string_value(alias));
        }
        if (interface && !string_equal(interface, "eth0")) {
                printf(" by its %s", interface);
        }
}

static void print_machine(const struct cli *cli, const json_t *network, const json_t *machine)
{
        static const char *const texts[] = { "address", "address6" };
        const char *check = network_judge(network, machine);
        bool good = string_equal(check, "ok") || string_equal(check, "link up");

        machine_tree_print_name(cli, json_get_string(machine, "name"), good ? "running" : "paused");
        for (size_t i = 0; i < ELEMENTS_OF(texts); i++) {
                const char *text = json_get_string(machine, texts[i]);

                printf("%s%s", text ? " " : "", text ? text : "");
        }
        print_link(machine);
        if (!good) {
                printf(" (%s)", check);
        }
        putchar('\n');
}

/* Those that share the network of another one are drawn below that. */
static size_t count_owners(const json_t *machines)
{
        const json_t *machine;
        size_t index, count = 0;

        json_array_foreach(machines, index, machine)
        {
                count += !json_get_string(machine, "shares");
        }
        return count;
}

void network_picture_print(const struct cli *cli, const json_t *network)
{
        static const char *const texts[] = { "subnet", "subnet6" };
        const json_t *machines = json_object_get(network, "machines"), *machine;
        const struct branch root = branch_root();
        size_t index, count = count_owners(machines), shown = 0;

        printf("network %s", json_get_string(network, "name"));
        for (size_t i = 0; i < ELEMENTS_OF(texts); i++) {
                const char *text = json_get_string(network, texts[i]);

                printf("%s%s", text ? " " : "", text ? text : "");
        }
        printf("%s%s\n", is(network, "internal") ? " internal" : "",
               is(network, "isolated") ? " isolated" : "");
        branch_print_blank(&root, count > 0);
        print_reach(network);
        json_array_foreach(machines, index, machine)
        {
                const struct branch below = branch_below(&root, shown + 1 == count);

                if (json_get_string(machine, "shares")) {
                        continue;
                }
                branch_print(&root, ++shown == count);
                print_machine(cli, network, machine);
                print_below(network, machine, &below);
        }
}
