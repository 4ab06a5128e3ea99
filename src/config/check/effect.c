/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/check/check.h"

#include <errno.h>
#include <string.h>

#include "base/path.h"
#include "base/strings.h"

/* Settings without effect: those that another setting makes useless, and list elements that another
 * element of the same list undoes. A start would detect some of them only when it is too late. */

static int report(struct config_definition *definition, enum diagnostic_severity severity,
                  const char *key, size_t index, char *message, char *hint)
{
        struct config_place place = config_definition_place(definition, key, index);

        return config_report(definition->diagnostics, severity, &place, message,
                             hint ? hint : strdup(""));
}

/* Reports a list element together with the earlier one that it conflicts with. */
static int report_pair(struct config_definition *definition, const char *key, size_t index,
                       size_t earlier, char *message)
{
        struct config_place place = config_definition_place(definition, key, index);
        struct config_place first = config_definition_place(definition, key, earlier);

        return config_report_related(definition->diagnostics, DIAGNOSTIC_ERROR, &place, message,
                                     &first, "the first one is here");
}

/* Whether all elements of a list could be read; otherwise they have no place of their own. */
static bool is_whole(const struct config_definition *definition, const char *key, size_t count)
{
        const struct config_node *node = config_node_lookup(definition->tree, key);

        return node && node->child_count == count;
}

/* ---- Settings without effect ---- */

static bool never_restarts(const struct machine *machine)
{
        return machine->life.restart == MACHINE_RESTART_NO &&
               machine->life.health_action != MACHINE_HEALTH_RESTART;
}

static bool delays_longer(const struct machine *machine)
{
        return machine->life.restart_delay > machine->life.restart_max_delay;
}

static bool logs_no_file(const struct machine *machine)
{
        return machine->life.log_driver == MACHINE_LOG_NONE ||
               machine->life.log_driver == MACHINE_LOG_JOURNAL;
}

/* "off" with denied calls is still a filter. */
static bool allows_all(const struct machine *machine)
{
        return machine->security.seccomp.profile == MACHINE_SECCOMP_OFF;
}

static bool filters_nothing(const struct machine *machine)
{
        return allows_all(machine) && !machine->security.seccomp.deny;
}

static bool never_reloads(const struct machine *machine)
{
        return machine->apply.on_change != MACHINE_ON_CHANGE_RELOAD;
}

static bool asks_no_server(const struct machine *machine)
{
        return machine->network.mode == MACHINE_NETWORK_NONE && !machine->network.dns;
}

static bool is_ready_at_once(const struct machine *machine)
{
        return machine->life.ready == MACHINE_READY_EXEC && !machine->life.health_command;
}

static const struct {
        const char *key;
        bool (*is_useless)(const struct machine *machine);
        const char *why;
} effects[] = {
        { "restart.delay", never_restarts, "if \"policy\" is \"no\"" },
        { "restart.max_delay", never_restarts, "if \"policy\" is \"no\"" },
        { "restart.max_delay", delays_longer, "if \"delay\" is longer" },
        { "restart.limit", never_restarts, "if \"policy\" is \"no\"" },
        { "restart.window", never_restarts, "if \"policy\" is \"no\"" },
        { "start_timeout", is_ready_at_once,
          "if \"ready\" is \"exec\" and there is no health check" },
        { "log.max_size", logs_no_file, "with this \"driver\", which writes no file" },
        { "seccomp.allow", allows_all, "with the profile \"off\"" },
        { "seccomp.log", filters_nothing, "with the profile \"off\"" },
        { "reload.signal", never_reloads, "unless \"on_change\" of \"apply\" is \"reload\"" },
        { "reload.command", never_reloads, "unless \"on_change\" of \"apply\" is \"reload\"" },
        { "network.search", asks_no_server, "without a network or a name server in \"dns\"" },
};

/* An instance is started at boot if it is enabled: the template does not know its instances. */
static int check_autostart(struct config_definition *definition)
{
        if (!definition->template || !definition->machine->life.autostart) {
                return 0;
        }
        return report(definition, DIAGNOSTIC_WARNING, "autostart", SIZE_MAX,
                      strdup("\"autostart\" has no effect in a template"),
                      string_format("enable each instance: machinectl-lite enable %.*sNAME",
                                    (int)strcspn(definition->machine->name, "@") + 1,
                                    definition->machine->name));
}

static int check_effects(struct config_definition *definition)
{
        int r = check_autostart(definition);

        if (r < 0) {
                return r;
        }
        for (size_t i = 0; i < ELEMENTS_OF(effects); i++) {
                if (config_definition_gives(definition, effects[i].key) &&
                    effects[i].is_useless(definition->machine)) {
                        r = report(definition, DIAGNOSTIC_WARNING, effects[i].key, SIZE_MAX,
                                   string_format("\"%s\" has no effect %s", effects[i].key,
                                                 effects[i].why),
                                   NULL);
                }
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

/* ---- Elements of lists ---- */

/* Mounts are made in the order of the list: a later one hides earlier ones below its target. */
static int check_covered_mounts(struct config_definition *definition)
{
        const struct machine *machine = definition->machine;

        if (!is_whole(definition, "mounts", machine->mount_count)) {
                return 0;
        }
        for (size_t i = 1; i < machine->mount_count; i++) {
                const char *later = machine->mounts[i].target;

                for (size_t k = 0; k < i && later; k++) {
                        const char *earlier = machine->mounts[k].target;
                        int r;

                        if (!earlier || !path_is_below(earlier, later) ||
                            string_equal(earlier, later)) {
                                continue;
                        }
                        r = report(definition, DIAGNOSTIC_WARNING, "mounts", k,
                                   string_format("the mount on \"%s\" is hidden by the later one "
                                                 "on \"%s\"",
                                                 earlier, later),
                                   strdup("mounts are made in order: move it after that one"));
                        if (r < 0) {
                                return r;
                        }
                }
        }
        return 0;
}

static int check_devices(struct config_definition *definition)
{
        const struct machine *machine = definition->machine;

        if (!is_whole(definition, "devices", machine->device_count)) {
                return 0;
        }
        for (size_t i = 1; i < machine->device_count; i++) {
                for (size_t k = 0; k < i; k++) {
                        int r;

                        if (!string_equal(machine->devices[i].target, machine->devices[k].target)) {
                                continue;
                        }
                        r = report_pair(definition, "devices", i, k,
                                        string_format("two devices have the target \"%s\"",
                                                      machine->devices[i].target));
                        if (r < 0) {
                                return r;
                        }
                        break;
                }
        }
        return 0;
}

/* The kernel refuses a layer inside of another one without reporting which. */
static int check_layers(struct config_definition *definition)
{
        char *const *layers = definition->machine->root.layers;

        if (!is_whole(definition, "overlay", strv_length(layers))) {
                return 0;
        }
        for (size_t i = 1; layers[0] && layers[i]; i++) {
                for (size_t k = 0; k < i; k++) {
                        int r;

                        if (!path_is_below(layers[i], layers[k]) &&
                            !path_is_below(layers[k], layers[i])) {
                                continue;
                        }
                        r = report_pair(
                                definition, "overlay", i, k,
                                string_equal(layers[i], layers[k])
                                        ? strdup("duplicate layer")
                                        : strdup("one of these layers is inside the other"));
                        if (r < 0) {
                                return r;
                        }
                        break;
                }
        }
        return 0;
}

/* The contents of `upper` would be written into a layer, or be one. The host's root as a layer
 * contains everything. */
static int check_upper_place(struct config_definition *definition)
{
        const struct machine_root *root = &definition->machine->root;
        char *const directory[] = { root->directory, NULL };

        if (!root->upper_directory) {
                return 0;
        }
        STRV_FOREACH(layer, root->layers ? root->layers : directory) {
                const char *inside = path_is_below(*layer, root->upper_directory)
                                             ? *layer + strlen(root->upper_directory)
                                             : "";

                if (string_equal(*layer, "/") ||
                    (!path_is_below(root->upper_directory, *layer) &&
                     !path_is_below(inside, "/upper") && !path_is_below(inside, "/work"))) {
                        continue;
                }
                return report(
                        definition, DIAGNOSTIC_ERROR, "upper", SIZE_MAX,
                        string_format(
                                "the upper directory and the read-only %s are inside each other",
                                *layer),
                        strdup("use a separate directory for \"upper\""));
        }
        return 0;
}

static bool limits_nothing(const struct machine_io_limit *limit)
{
        return limit->read_bandwidth == MACHINE_UNSET && limit->write_bandwidth == MACHINE_UNSET &&
               limit->read_iops == MACHINE_UNSET && limit->write_iops == MACHINE_UNSET;
}

static int check_io(struct config_definition *definition)
{
        const struct machine_limits *limits = &definition->machine->limits;
        int r = 0;

        if (!is_whole(definition, "limits.io", limits->io_count)) {
                return 0;
        }
        for (size_t i = 0; i < limits->io_count && r == 0; i++) {
                const char *device = limits->io[i].device;

                if (device && limits_nothing(&limits->io[i])) {
                        r = report(definition, DIAGNOSTIC_ERROR, "limits.io", i,
                                   string_format("no limit is set for %s", device),
                                   strdup("set \"read_bandwidth\", \"write_bandwidth\", "
                                          "\"read_iops\" or \"write_iops\""));
                }
                for (size_t k = 0; k < i && r == 0; k++) {
                        if (device && string_equal(device, limits->io[k].device)) {
                                r = report_pair(definition, "limits.io", i, k,
                                                string_format("duplicate limits for %s", device));
                                break;
                        }
                }
        }
        return r;
}

/* ---- Paths that nothing can be mounted on ---- */

static int check_whole_root(struct config_definition *definition, const char *key,
                            char *const *paths, const char *hint)
{
        size_t i = 0;

        STRV_FOREACH(path, paths) {
                if (strcmp(*path, "/") == 0) {
                        return report(definition, DIAGNOSTIC_ERROR, key, i,
                                      string_format("\"%s\" cannot contain the root itself", key),
                                      strdup(hint));
                }
                i++;
        }
        return 0;
}

static int check_paths(struct config_definition *definition)
{
        const struct machine_security *security = &definition->machine->security;
        int r = check_whole_root(definition, "masked_paths", security->masked_paths,
                                 "name the directories below it");

        return r < 0 ? r
                     : check_whole_root(definition, "read_only_paths", security->read_only_paths,
                                        "write read_only = true;");
}

/* ---- Privileges that undo the protection of the host ---- */

static bool may_trace(const struct machine_capabilities *asked)
{
        static const char name[] = "CAP_SYS_PTRACE";

        return strv_contains(asked->add, name) || strv_contains(asked->add, "all") ||
               (asked->profile == MACHINE_CAPABILITIES_SYSTEM &&
                !strv_contains(asked->drop, name) && !strv_contains(asked->drop, "all"));
}

/* If the machine has its own user namespace, the kernel requires the capability in the host's. */
static int check_tracing(struct config_definition *definition)
{
        const struct machine *machine = definition->machine;

        if (machine->namespaces.user != MACHINE_USER_NAMESPACE_NONE ||
            !may_trace(&machine->security.capabilities)) {
                return 0;
        }
        return report(definition, DIAGNOSTIC_WARNING, "user_namespace", SIZE_MAX,
                      strdup("with CAP_SYS_PTRACE and without a user namespace, the machine can "
                             "take over processes that enter it: exec, shell and health commands"),
                      strdup("leave \"user_namespace\" at \"auto\", or drop CAP_SYS_PTRACE with "
                             "\"capabilities.drop\""));
}

int config_check_effect(struct config_definition *definition)
{
        static int (*const checks[])(struct config_definition *) = {
                check_effects, check_layers, check_upper_place, check_covered_mounts,
                check_devices, check_io,     check_paths,       check_tracing,
        };

        for (size_t i = 0; i < ELEMENTS_OF(checks); i++) {
                int r = checks[i](definition);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}
