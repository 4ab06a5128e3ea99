/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/check/check.h"

#include <errno.h>
#include <string.h>

#include "base/strings.h"

/* Reports a finding at the value of a key. Takes message and hint. */
static int report(struct config_definition *definition, enum diagnostic_severity severity,
                  const char *key, size_t index, char *message, char *hint)
{
        struct config_place place = config_definition_place(definition, key, index);

        return config_report(definition->diagnostics, severity, &place, message, hint);
}

static int refuse(struct config_definition *definition, const char *key, char *message, char *hint)
{
        return report(definition, DIAGNOSTIC_ERROR, key, SIZE_MAX, message, hint);
}

static int warn(struct config_definition *definition, const char *key, char *message, char *hint)
{
        return report(definition, DIAGNOSTIC_WARNING, key, SIZE_MAX, message, hint);
}

static bool gives(const struct config_definition *definition, const char *key)
{
        return config_definition_gives(definition, key);
}

/* ---- Root ---- */

/* Whether a place follows another one: further down in the file, or in a file read later. */
static bool is_behind(const struct config_definition *definition, const struct config_place *place,
                      const struct config_place *other)
{
        if (place->source == other->source) {
                return place->offset > other->offset;
        }
        for (size_t i = 0; i < definition->loader.source_count; i++) {
                if (definition->loader.sources[i] == place->source) {
                        return false;
                }
                if (definition->loader.sources[i] == other->source) {
                        return true;
                }
        }
        return false;
}

/* The later of two places is the finding. */
static int report_second_root(struct config_definition *definition, const char *a, const char *b)
{
        struct config_place first = config_definition_place(definition, a, SIZE_MAX);
        struct config_place second = config_definition_place(definition, b, SIZE_MAX);

        if (is_behind(definition, &first, &second)) {
                struct config_place later = first;
                const char *name = a;

                first = second;
                second = later;
                a = b;
                b = name;
        }
        return config_report_related(
                definition->diagnostics, DIAGNOSTIC_ERROR, &second,
                string_format("a machine has only one root: both \"%s\" and \"%s\" are set", b, a),
                &first, "the first one is here");
}

static int check_root(struct config_definition *definition)
{
        static const char *const sources[] = { "rootfs", "overlay", "image" };
        const char *first = NULL;
        int r = 0;

        for (size_t i = 0; i < ELEMENTS_OF(sources) && r == 0; i++) {
                if (!gives(definition, sources[i])) {
                        continue;
                }
                if (first) {
                        r = report_second_root(definition, first, sources[i]);
                } else {
                        first = sources[i];
                }
        }
        if (!first && !definition->machine->holds_pod) {
                r = refuse(definition, "", strdup("the machine has no root"),
                           strdup("set one of \"rootfs\", \"overlay\" and \"image\""));
        }
        return r;
}

/* Growing is writing to the image, which nobody else may use then. */
static int check_size(struct config_definition *definition)
{
        const struct machine_root *root = &definition->machine->root;

        if (!gives(definition, "size") ||
            (root->source == MACHINE_ROOT_DIRECTORY && root->upper == MACHINE_UPPER_IN_PLACE &&
             !root->read_only)) {
                return 0;
        }
        return refuse(definition, "size",
                      strdup("\"size\" is for a disk image that the machine writes to"),
                      strdup("set rootfs = \"IMAGE\", without \"upper\" and \"read_only\""));
}

static int check_upper(struct config_definition *definition)
{
        const struct machine_root *root = &definition->machine->root;
        int r = check_size(definition);

        if (root->read_only && gives(definition, "upper") && root->upper != MACHINE_UPPER_NONE) {
                r = warn(definition, "upper",
                         strdup("\"upper\" has no effect: the root is read-only"), NULL);
        }
        if (r == 0 && gives(definition, "pull") && !gives(definition, "image")) {
                r = warn(definition, "pull", strdup("\"pull\" has no effect without \"image\""),
                         NULL);
        }
        if (r == 0 && gives(definition, "update") && !gives(definition, "image")) {
                r = warn(definition, "update", strdup("\"update\" has no effect without \"image\""),
                         NULL);
        }
        if (r == 0 && gives(definition, "arguments") && !gives(definition, "image")) {
                r = warn(definition, "arguments",
                         strdup("\"arguments\" has no effect without \"image\""),
                         strdup("add them to \"command\""));
        }
        return r;
}

/* ---- Processes ---- */

static int check_boot(struct config_definition *definition)
{
        static const char *const other[] = { "init", "user", "groups", "working_directory" };
        int r = 0;

        if (!definition->machine->process.boot) {
                return 0;
        }
        for (size_t i = 0; i < ELEMENTS_OF(other) && r == 0; i++) {
                if (gives(definition, other[i])) {
                        r = warn(definition, other[i],
                                 string_format("\"%s\" has no effect with \"boot\"", other[i]),
                                 NULL);
                }
        }
        return r;
}

/* Arguments may be empty, but not the program. */
static int check_program(struct config_definition *definition, const char *key,
                         char *const *command)
{
        return command && command[0] && !command[0][0]
                       ? report(definition, DIAGNOSTIC_ERROR, key, 0,
                                string_format("the program in \"%s\" is empty", key), strdup(""))
                       : 0;
}

static int check_programs(struct config_definition *definition)
{
        const struct machine *machine = definition->machine;
        int r = check_program(definition, "command", machine->process.command);

        return r < 0 ? r
                     : check_program(definition, "health.command", machine->life.health_command);
}

static int check_namespaces(struct config_definition *definition)
{
        const struct machine *machine = definition->machine;
        static const char *const named[] = { "hostname", "domainname" };
        int r = 0;

        for (size_t i = 0; i < ELEMENTS_OF(named) && r == 0 && !machine->namespaces.uts; i++) {
                if (gives(definition, named[i])) {
                        r = refuse(definition, named[i],
                                   string_format("\"%s\" would change the host's name: the machine "
                                                 "shares the host's UTS namespace",
                                                 named[i]),
                                   strdup(""));
                }
        }
        return r;
}

static bool sysctl_is_of_host(const struct machine *machine, const char *setting)
{
        if (string_after(setting, "net.")) {
                return machine->network.mode == MACHINE_NETWORK_HOST;
        }
        return !machine->namespaces.ipc;
}

static int check_sysctls(struct config_definition *definition)
{
        const struct machine *machine = definition->machine;
        size_t i = 0;

        STRV_FOREACH(setting, machine->sysctl) {
                int r = 0;

                if (sysctl_is_of_host(machine, *setting)) {
                        r = report(definition, DIAGNOSTIC_ERROR, "sysctl", i,
                                   string_format("\"%s\" would change the host's parameter: the "
                                                 "machine shares that namespace",
                                                 *setting),
                                   strdup(""));
                }
                if (r < 0) {
                        return r;
                }
                i++;
        }
        return 0;
}

/* ---- Limits ---- */

static int check_memory(struct config_definition *definition)
{
        const struct machine_limits *limits = &definition->machine->limits;
        int r = 0;

        if (limits->memory_high < MACHINE_UNLIMITED && limits->memory < limits->memory_high) {
                r = warn(definition, "limits.memory_high",
                         strdup("\"memory_high\" has no effect above \"memory\""), NULL);
        }
        if (r == 0 && limits->memory_low < MACHINE_UNLIMITED &&
            limits->memory < limits->memory_low) {
                r = warn(definition, "limits.memory_low",
                         strdup("\"memory_low\" has no effect above \"memory\""), NULL);
        }
        return r;
}

/* ---- Network ---- */

static const char *mode_name(enum machine_network_mode mode)
{
        static const char *const names[] = {
                [MACHINE_NETWORK_BRIDGE] = "bridge", [MACHINE_NETWORK_HOST] = "host",
                [MACHINE_NETWORK_NONE] = "none",     [MACHINE_NETWORK_MACHINE] = "machine",
                [MACHINE_NETWORK_PATH] = "path",     [MACHINE_NETWORK_MACVLAN] = "macvlan",
                [MACHINE_NETWORK_IPVLAN] = "ipvlan",
        };

        return names[mode];
}

static bool mode_has_link(enum machine_network_mode mode)
{
        return mode == MACHINE_NETWORK_BRIDGE || mode == MACHINE_NETWORK_MACVLAN ||
               mode == MACHINE_NETWORK_IPVLAN;
}

static int check_ports_mode(struct config_definition *definition)
{
        const struct machine_network *network = &definition->machine->network;
        const char *why = NULL;

        if (network->port_count == 0 || network->mode == MACHINE_NETWORK_BRIDGE) {
                return 0;
        }
        switch (network->mode) {
        case MACHINE_NETWORK_HOST:
                why = "the machine uses the host's network";
                break;
        case MACHINE_NETWORK_MACHINE:
                why = "publish them in the machine whose network it shares";
                break;
        case MACHINE_NETWORK_NONE:
                why = "the machine has no link";
                break;
        default:
                why = "the machine has its own address on the outer network";
                break;
        }
        return refuse(definition, "ports",
                      string_format("ports cannot be published in network mode \"%s\"",
                                    mode_name(network->mode)),
                      strdup(why));
}

/* Keys without effect in modes that give the machine no link of its own. */
static int check_link_keys(struct config_definition *definition)
{
        static const char *const link_keys[] = {
                "network.address",
                "network.address6",
                "network.mac",
                "network.mtu",
        };
        enum machine_network_mode mode = definition->machine->network.mode;
        int r = 0;

        if (gives(definition, "network.name") && mode != MACHINE_NETWORK_BRIDGE) {
                r = refuse(definition, "network.name",
                           string_format("\"name\" has no effect in mode \"%s\"", mode_name(mode)),
                           strdup("only mode \"bridge\" uses a network"));
        }
        for (size_t i = 0; i < ELEMENTS_OF(link_keys) && r == 0; i++) {
                if (gives(definition, link_keys[i]) && !mode_has_link(mode)) {
                        r = refuse(definition, link_keys[i],
                                   string_format("\"%s\" has no effect in mode \"%s\"",
                                                 link_keys[i] + strlen("network."),
                                                 mode_name(mode)),
                                   strdup("the machine has no link of its own"));
                }
        }
        if (r == 0 && definition->machine->network.address6 &&
            definition->machine->network.mtu < 1280) {
                r = refuse(definition, "network.mtu",
                           strdup("IPv6 needs an \"mtu\" of at least 1280"), strdup(""));
        }
        return r;
}

static bool same_address(const struct machine_port *a, const struct machine_port *b)
{
        return !a->address || !b->address || strcmp(a->address, b->address) == 0;
}

static int check_own_ports(struct config_definition *definition)
{
        const struct machine_network *network = &definition->machine->network;
        const struct config_node *node = config_node_lookup(definition->tree, "ports");

        /* If one of them could not be read, the others have no place of their own. */
        if (!node || node->child_count != network->port_count) {
                return 0;
        }
        for (size_t i = 0; i < network->port_count; i++) {
                for (size_t k = 0; k < i; k++) {
                        const struct machine_port *a = &network->ports[i], *b = &network->ports[k];
                        struct config_place place, earlier;
                        int r;

                        if (a->protocol != b->protocol || a->host_first > b->host_last ||
                            b->host_first > a->host_last || !same_address(a, b)) {
                                continue;
                        }
                        place = config_definition_place(definition, "ports", i);
                        earlier = config_definition_place(definition, "ports", k);
                        r = config_report_related(definition->diagnostics, DIAGNOSTIC_ERROR, &place,
                                                  strdup("this host port is already published"),
                                                  &earlier, "the first one is here");
                        if (r < 0) {
                                return r;
                        }
                        break;
                }
        }
        return 0;
}

static int check_own_network(struct config_definition *definition)
{
        const struct machine_network *network = &definition->machine->network;

        if (network->mode == MACHINE_NETWORK_MACHINE &&
            string_equal(network->target, definition->machine->name)) {
                return refuse(definition, "network.mode",
                              strdup("a machine cannot share its own network"),
                              strdup("name another machine"));
        }
        return 0;
}

/* ---- Life ---- */

static int check_self(struct config_definition *definition, const char *key, char *const *names)
{
        size_t i = 0;

        STRV_FOREACH(name, names) {
                if (strcmp(*name, definition->machine->name) == 0) {
                        return report(definition, DIAGNOSTIC_ERROR, key, i,
                                      strdup("a machine cannot wait for itself"), NULL);
                }
                i++;
        }
        return 0;
}

static int check_life(struct config_definition *definition)
{
        const struct machine_life *life = &definition->machine->life;
        static const char *const health_keys[] = {
                "health.interval",     "health.timeout",    "health.retries",
                "health.start_period", "health.on_failure",
        };
        int r = check_self(definition, "requires", life->requires);

        r = r < 0 ? r : check_self(definition, "after", life->after);
        if (r == 0 && life->ready == MACHINE_READY_HEALTH && !gives(definition, "health.command")) {
                r = refuse(definition, "ready",
                           strdup("the machine never becomes ready: \"health.command\" is not set"),
                           NULL);
        }
        for (size_t i = 0; i < ELEMENTS_OF(health_keys) && r == 0; i++) {
                if (gives(definition, health_keys[i]) && !gives(definition, "health.command")) {
                        r = warn(definition, health_keys[i],
                                 string_format("\"%s\" has no effect without \"health.command\"",
                                               health_keys[i]),
                                 NULL);
                }
        }
        return r;
}

static int check_apply(struct config_definition *definition)
{
        const struct machine_apply *apply = &definition->machine->apply;

        if (apply->on_change != MACHINE_ON_CHANGE_RELOAD || apply->reload_signal ||
            apply->reload_command) {
                return 0;
        }
        return refuse(
                definition, "apply.on_change",
                strdup("the machine cannot be reloaded: \"reload\" is not set"),
                strdup("set reload = { signal = \"SIGHUP\"; }; or reload = { command = [ .. ]; "
                       "};"));
}

int config_check_machine(struct config_definition *definition)
{
        static int (*const checks[])(struct config_definition *) = {
                check_root,       check_programs,        check_upper,       check_boot,
                check_namespaces, check_sysctls,         check_memory,      check_ports_mode,
                check_link_keys,  check_own_ports,       check_own_network, check_life,
                check_apply,      config_check_networks,
        };

        for (size_t i = 0; i < ELEMENTS_OF(checks); i++) {
                int r = checks[i](definition);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}
