/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/view/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>

#include "base/path.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "config/read/stored.h"

static int add_names(const char *directory, const char *suffix, char ***names)
{
        _cleanup_strv_ char **found = NULL;
        int r = directory_list(AT_FDCWD, directory, suffix, &found);

        STRV_FOREACH(name, found) {
                /* A template is no machine itself. */
                if (r == 0 && !string_ends_with(*name, "@") && !strv_contains(*names, *name)) {
                        r = strv_append(names, *name);
                }
        }
        return r;
}

int view_list_files(const char *tree, const char *host, char ***ret_machines, char ***ret_networks,
                    char ***ret_volumes, struct machine_error *error)
{
        _cleanup_strv_ char **directories = NULL, **machines = NULL, **networks = NULL;
        _cleanup_strv_ char **volumes = NULL;

        if (config_tree_directories(tree, host, &directories) < 0) {
                return error_oom(error);
        }
        STRV_FOREACH(directory, directories) {
                int r = add_names(*directory, ".machine", &machines);

                r = r < 0 ? r : add_names(*directory, ".pod", &machines);
                r = r < 0 ? r : add_names(*directory, ".network", &networks);
                r = r < 0 ? r : add_names(*directory, ".volume", &volumes);
                if (r < 0) {
                        return error_set(error, r, "cannot read %s", *directory);
                }
        }
        strv_sort(machines);
        strv_sort(networks);
        *ret_machines = TAKE_PTR(machines);
        *ret_networks = TAKE_PTR(networks);
        strv_sort(volumes);
        *ret_volumes = TAKE_PTR(volumes);
        return 0;
}

static int refuse(struct config_definition *definition, const char *key, size_t index,
                  const char *path, const char *hint)
{
        struct config_place place = config_definition_place(definition, key, index);

        return config_report(definition->diagnostics, DIAGNOSTIC_ERROR, &place,
                             string_format("the machine would write to %s, a file of the applied "
                                           "directory",
                                           path),
                             strdup(hint));
}

static bool is_written(const struct machine_mount *mount)
{
        return mount->type == MACHINE_MOUNT_BIND && mount->source && !mount->read_only &&
               !strv_contains(mount->options, "ro");
}

int view_check_files(const char *tree, struct config_definition *definition)
{
        const struct machine *machine = definition->machine;
        const struct machine_root *root = &machine->root;
        int r = 0;

        if (root->directory && path_is_below(root->directory, tree) &&
            root->upper == MACHINE_UPPER_IN_PLACE && !root->read_only) {
                r = refuse(definition, "rootfs", SIZE_MAX, root->directory,
                           "set upper = \"persistent\" or read_only = true");
        }
        if (r == 0 && root->upper_directory && path_is_below(root->upper_directory, tree)) {
                r = refuse(definition, "upper", SIZE_MAX, root->upper_directory,
                           "choose a directory outside, by its absolute path");
        }
        for (size_t i = 0; r == 0 && i < machine->mount_count; i++) {
                if (is_written(&machine->mounts[i]) &&
                    path_is_below(machine->mounts[i].source, tree)) {
                        r = refuse(definition, "mounts", i, machine->mounts[i].source,
                                   "set read_only = true");
                }
        }
        return r;
}
