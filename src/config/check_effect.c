/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/check.h"

#include <errno.h>
#include <string.h>

#include "base/path.h"
#include "base/strings.h"

/* What a definition asks for without getting it: settings that another makes useless, and elements
 * that another of the same list undoes. A start would find some of it, when it is too late. */

static int report(struct config_definition *definition, enum diagnostic_severity severity,
                  const char *key, size_t index, char *message, char *hint)
{
        struct config_place place = config_definition_place(definition, key, index);

        return config_report(definition->diagnostics, severity, &place, message,
                             hint ? hint : strdup(""));
}

/* Reports an element of a list with an earlier one that it clashes with. */
static int report_pair(struct config_definition *definition, const char *key, size_t index,
                       size_t earlier, char *message)
{
        struct config_place place = config_definition_place(definition, key, index);
        struct config_place first = config_definition_place(definition, key, earlier);

        return config_report_related(definition->diagnostics, DIAGNOSTIC_ERROR, &place, message,
                                     &first, "the first one is here");
}

/* Whether all elements of a list could be read: else they have no place of their own. */
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

static bool logs_no_file(const struct machine *machine)
{
        return machine->life.log_driver == MACHINE_LOG_NONE ||
               machine->life.log_driver == MACHINE_LOG_JOURNAL;
}

/* "off" with calls to deny is a filter all the same. */
static bool allows_all(const struct machine *machine)
{
        return machine->security.seccomp.profile == MACHINE_SECCOMP_OFF;
}

static bool filters_nothing(const struct machine *machine)
{
        return allows_all(machine) && !machine->security.seccomp.deny;
}

static const struct {
        const char *key;
        bool (*is_useless)(const struct machine *machine);
        const char *why;
} effects[] = {
        { "restart.delay", never_restarts, "where \"policy\" is \"no\"" },
        { "restart.limit", never_restarts, "where \"policy\" is \"no\"" },
        { "restart.window", never_restarts, "where \"policy\" is \"no\"" },
        { "log.max_size", logs_no_file, "with this \"driver\", which writes no file" },
        { "seccomp.allow", allows_all, "with the profile \"off\"" },
        { "seccomp.log", filters_nothing, "with the profile \"off\"" },
};

static int check_effects(struct config_definition *definition)
{
        for (size_t i = 0; i < ELEMENTS_OF(effects); i++) {
                int r = 0;

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

/* A mount lies in the order of the list: one further up hides what is below its target. */
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
                                   strdup("mounts are made in their order: put it behind"));
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
                                        string_format("two devices are \"%s\" in the machine",
                                                      machine->devices[i].target));
                        if (r < 0) {
                                return r;
                        }
                        break;
                }
        }
        return 0;
}

/* The kernel refuses layers that lie in each other, without a word which. */
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
                        r = report_pair(definition, "overlay", i, k,
                                        string_equal(layers[i], layers[k])
                                                ? strdup("this layer is given twice")
                                                : strdup("of two layers one lies in the other"));
                        if (r < 0) {
                                return r;
                        }
                        break;
                }
        }
        return 0;
}

/* What the directory `upper` holds would be written into a layer, or be one. The host's own root is
 * a layer around everything. */
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
                return report(definition, DIAGNOSTIC_ERROR, "upper", SIZE_MAX,
                              string_format("the upper directory and %s, which is never written "
                                            "to, lie in each other",
                                            *layer),
                              strdup("give writes a directory of their own"));
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
                                   string_format("nothing is limited on %s", device),
                                   strdup("give it \"read_bandwidth\", \"write_bandwidth\", "
                                          "\"read_iops\" or \"write_iops\""));
                }
                for (size_t k = 0; k < i && r == 0; k++) {
                        if (device && string_equal(device, limits->io[k].device)) {
                                r = report_pair(definition, "limits.io", i, k,
                                                string_format("%s is limited twice", device));
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
                                      string_format("\"%s\" cannot have the whole root", key),
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

int config_check_effect(struct config_definition *definition)
{
        static int (*const checks[])(struct config_definition *) = {
                check_effects, check_layers, check_upper_place, check_covered_mounts,
                check_devices, check_io,     check_paths,
        };

        for (size_t i = 0; i < ELEMENTS_OF(checks); i++) {
                int r = checks[i](definition);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}
