/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/check.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/strings.h"
#include "config/search.h"

/* 1 where NAME.suffix is beside the definition or in the search path, else 0, or -ENOMEM. */
static int exists(const struct config_definition *definition, char *const *directories,
                  const char *name, const char *suffix)
{
        const char *path = definition->machine->definition;
        const char *slash = path ? strrchr(path, '/') : NULL;
        _cleanup_free_ char *beside = string_format("%.*s%s%s", slash ? (int)(slash - path + 1) : 0,
                                                    path ? path : "", name, suffix);

        if (!beside) {
                return -ENOMEM;
        }
        if (access(beside, F_OK) == 0) {
                return 1;
        }
        STRV_FOREACH(directory, directories) {
                _cleanup_free_ char *found = string_format("%s/%s%s", *directory, name, suffix);

                if (!found) {
                        return -ENOMEM;
                }
                if (access(found, F_OK) == 0) {
                        return 1;
                }
        }
        return 0;
}

static bool is_among(struct config_definition *const *definitions, size_t count, const char *name)
{
        for (size_t i = 0; i < count; i++) {
                if (strcmp(definitions[i]->machine->name, name) == 0) {
                        return true;
                }
        }
        return false;
}

static int warn(const struct config_definition *definition, const char *key, size_t index,
                char *message)
{
        struct config_place place = config_definition_place(definition, key, index);

        return config_report(definition->diagnostics, DIAGNOSTIC_WARNING, &place, message, NULL);
}

static int check_network_name(const struct config_definition *definition, char *const *directories)
{
        const struct machine_network *network = &definition->machine->network;
        int r;

        if (network->mode != MACHINE_NETWORK_BRIDGE || strcmp(network->name, "default") == 0) {
                return 0;
        }
        r = exists(definition, directories, network->name, ".network");
        return r != 0 ? (r < 0 ? r : 0)
                      : warn(definition, "network.name", SIZE_MAX,
                             string_format("there is no network \"%s\"", network->name));
}

int config_check_references(struct config_definition *const *definitions, size_t count,
                            const char *search_path)
{
        _cleanup_strv_ char **directories = NULL;
        int r = config_search_directories(search_path, &directories);

        for (size_t i = 0; i < count && r == 0; i++) {
                size_t index = 0;

                STRV_FOREACH(name, definitions[i]->machine->life.requires) {
                        r = is_among(definitions, count, *name)
                                    ? 1
                                    : exists(definitions[i], directories, *name, ".machine");
                        if (r == 0) {
                                r = warn(definitions[i], "requires", index,
                                         string_format("there is no machine \"%s\"", *name));
                        }
                        if (r < 0) {
                                return r;
                        }
                        index++;
                }
                r = check_network_name(definitions[i], directories);
        }
        return r < 0 ? r : 0;
}
