/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/check/check.h"

#include <errno.h>
#include <string.h>

#include "base/path.h"
#include "base/strings.h"

/* Settings that another setting of the same definition overrides. The manual documents which of the
 * two takes precedence; the other one is reported here. */

static int warn(struct config_definition *definition, const char *key, size_t index, char *message,
                const char *hint)
{
        struct config_place place = config_definition_place(definition, key, index);

        return config_report(definition->diagnostics, DIAGNOSTIC_WARNING, &place, message,
                             strdup(hint));
}

/* ---- Files of /etc ---- */

/* The files that keys write, unless the definition has a mount there. */
static const struct {
        const char *key;
        const char *file;
} files[] = {
        { "network.dns", "/etc/resolv.conf" }, { "network.search", "/etc/resolv.conf" },
        { "network.hosts", "/etc/hosts" },     { "timezone", "/etc/localtime" },
        { "machine_id", "/etc/machine-id" },
};

static int check_files(struct config_definition *definition)
{
        const struct machine *machine = definition->machine;

        for (size_t i = 0; i < ELEMENTS_OF(files); i++) {
                for (size_t k = 0; k < machine->mount_count; k++) {
                        const char *target = machine->mounts[k].target;
                        int r;

                        if (!target || !path_is_below(files[i].file, target) ||
                            !config_definition_gives(definition, files[i].key)) {
                                continue;
                        }
                        r = warn(definition, files[i].key, SIZE_MAX,
                                 string_format("\"%s\" has no effect on %s: the mount on \"%s\" "
                                               "takes precedence",
                                               files[i].key, files[i].file, target),
                                 "remove one of the two");
                        if (r < 0) {
                                return r;
                        }
                        break;
                }
        }
        return 0;
}

/* ---- Masked paths ---- */

static const char *find_mask(const struct machine *machine, const char *path)
{
        STRV_FOREACH(masked, machine->security.masked_paths) {
                if (path_is_below(path, *masked)) {
                        return *masked;
                }
        }
        return NULL;
}

static int report_masked(struct config_definition *definition, const char *key, size_t index,
                         const char *what, const char *path)
{
        const char *masked = path ? find_mask(definition->machine, path) : NULL;

        return masked ? warn(definition, key, index,
                             string_format("%s \"%s\" has no effect: \"masked_paths\" hides \"%s\"",
                                           what, path, masked),
                             "remove one of the two")
                      : 0;
}

static int check_masked(struct config_definition *definition)
{
        const struct machine *machine = definition->machine;
        size_t index = 0;
        int r = 0;

        for (size_t i = 0; i < machine->mount_count && r == 0; i++) {
                r = report_masked(definition, "mounts", i, "the mount on",
                                  machine->mounts[i].target);
        }
        for (size_t i = 0; i < machine->device_count && r == 0; i++) {
                r = report_masked(definition, "devices", i, "the device",
                                  machine->devices[i].target);
        }
        STRV_FOREACH(path, machine->security.read_only_paths) {
                r = r < 0 ? r
                          : report_masked(definition, "read_only_paths", index++,
                                          "the read-only path", *path);
        }
        return r;
}

/* ---- Lists that contradict each other ---- */

static int check_opposite(struct config_definition *definition, const char *loser,
                          char *const *losing, const char *winner, char *const *winning)
{
        size_t index = 0;

        STRV_FOREACH(name, losing) {
                int r = 0;

                if (strv_contains(winning, *name) || strv_contains(winning, "all")) {
                        r = warn(definition, loser, index,
                                 string_format("\"%s\" has no effect here: it is also in \"%s\", "
                                               "which takes precedence",
                                               *name, winner),
                                 "remove one of the two");
                }
                if (r < 0) {
                        return r;
                }
                index++;
        }
        return 0;
}

static int check_opposites(struct config_definition *definition)
{
        const struct machine_security *security = &definition->machine->security;
        int r = check_opposite(definition, "capabilities.drop", security->capabilities.drop,
                               "capabilities.add", security->capabilities.add);

        return r < 0 ? r
                     : check_opposite(definition, "seccomp.allow", security->seccomp.allow,
                                      "seccomp.deny", security->seccomp.deny);
}

/* ---- Options of mounts ---- */

enum {
        OF_BIND = 1 << MACHINE_MOUNT_BIND,
        OF_TMPFS = 1 << MACHINE_MOUNT_TMPFS,
        OF_OVERLAY = 1 << MACHINE_MOUNT_OVERLAY,
};

/* Options that are specific to a type; an option that ends with "=" takes a value. */
static const struct {
        const char *name;
        unsigned int types;
} partial_options[] = {
        { "bind", OF_BIND },
        { "rbind", OF_BIND },
        { "private", OF_BIND },
        { "rprivate", OF_BIND },
        { "slave", OF_BIND },
        { "rslave", OF_BIND },
        { "idmap", OF_BIND | OF_OVERLAY },
        { "noidmap", OF_BIND | OF_OVERLAY },
        { "size=", OF_TMPFS },
        { "mode=", OF_TMPFS },
        { "nr_inodes=", OF_TMPFS },
};

/* The conflict of a mount option with other settings, or NULL. */
static const char *useless_option(const struct machine_mount *mount, const char *option)
{
        if (mount->read_only && string_equal(option, "rw")) {
                return "has no effect with \"read_only\"";
        }
        if (mount->size != MACHINE_UNSET && string_after(option, "size=")) {
                return "overrides the key \"size\"";
        }
        if (mount->mode != MACHINE_UNSET && string_after(option, "mode=")) {
                return "overrides the key \"mode\"";
        }
        for (size_t i = 0; i < ELEMENTS_OF(partial_options); i++) {
                const char *name = partial_options[i].name;
                bool same = string_ends_with(name, "=") ? string_after(option, name) != NULL
                                                        : string_equal(option, name);

                if (same && !(partial_options[i].types & (1U << mount->type))) {
                        return "has no effect for a mount of this type";
                }
        }
        return NULL;
}

/* An option that a start would refuse is an error here as well. */
static int report_option(struct config_definition *definition, size_t index, const char *option,
                         const char *problem)
{
        struct config_place place = config_definition_place(definition, "mounts", index);
        bool is_refused = definition->machine->mounts[index].type != MACHINE_MOUNT_TMPFS &&
                          strchr(option, '=');

        return config_report(definition->diagnostics,
                             is_refused ? DIAGNOSTIC_ERROR : DIAGNOSTIC_WARNING, &place,
                             string_format("the option \"%s\" %s", option, problem), strdup(""));
}

static int check_mount_options(struct config_definition *definition)
{
        const struct machine *machine = definition->machine;

        for (size_t i = 0; i < machine->mount_count; i++) {
                const struct machine_mount *mount = &machine->mounts[i];

                STRV_FOREACH(option, mount->options) {
                        const char *problem = useless_option(mount, *option);
                        int r = problem ? report_option(definition, i, *option, problem) : 0;

                        if (r < 0) {
                                return r;
                        }
                }
        }
        return 0;
}

int config_check_overruled(struct config_definition *definition)
{
        static int (*const checks[])(struct config_definition *) = {
                check_files,
                check_masked,
                check_opposites,
                check_mount_options,
        };

        for (size_t i = 0; i < ELEMENTS_OF(checks); i++) {
                int r = checks[i](definition);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}
