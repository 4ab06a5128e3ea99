/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/check/check.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/strings.h"
#include "config/read/search.h"

/* 1 if NAME.suffix exists next to the definition or in the search path, otherwise 0, or -ENOMEM. */
static int exists(const struct config_definition *definition, const char *search_path,
                  const char *name, const char *suffix)
{
        const char *path = definition->machine->definition;
        const char *slash = path ? strrchr(path, '/') : NULL;
        _cleanup_free_ char *beside = string_format("%.*s%s%s", slash ? (int)(slash - path + 1) : 0,
                                                    path ? path : "", name, suffix);
        struct config_found found = { 0 };
        int r;

        if (!beside) {
                return -ENOMEM;
        }
        if (access(beside, F_OK) == 0) {
                return 1;
        }
        r = config_find(name, suffix, search_path, &found, NULL);
        config_found_clear(&found);
        return r == -ENOMEM ? r : r == 0;
}

/* Definitions that are checked together. */
struct checked {
        struct config_definition *const *definitions;
        size_t count;
        const char *search_path;
};

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

static int check_network_name(const struct config_definition *definition, const char *search_path,
                              const char *key, size_t index, const char *name)
{
        int r;

        if (!name || strcmp(name, "default") == 0) {
                return 0;
        }
        r = exists(definition, search_path, name, ".network");
        return r != 0 ? (r < 0 ? r : 0)
                      : warn(definition, key, index,
                             string_format("network \"%s\" not found", name));
}

static int check_network_names(const struct config_definition *definition, const char *search_path)
{
        const struct machine_network *network = &definition->machine->network;
        int r = network->mode == MACHINE_NETWORK_BRIDGE
                        ? check_network_name(definition, search_path, "network.name", SIZE_MAX,
                                             network->name)
                        : 0;

        for (size_t i = 0; r == 0 && i < network->further_count; i++) {
                r = check_network_name(definition, search_path, "networks", i,
                                       network->further[i].name);
        }
        return r;
}

/* Warns about machines that are neither checked together nor defined. */
static int check_machines(const struct config_definition *definition, const char *key,
                          char *const *names, const struct checked *checked)
{
        size_t index = 0;

        STRV_FOREACH(name, names) {
                int r = is_among(checked->definitions, checked->count, *name)
                                ? 1
                                : exists(definition, checked->search_path, *name, ".machine");

                r = r == 0 ? exists(definition, checked->search_path, *name, ".pod") : r;
                if (r == 0) {
                        r = warn(definition, key, index,
                                 string_format("machine \"%s\" not found", *name));
                }
                if (r < 0) {
                        return r;
                }
                index++;
        }
        return 0;
}

int config_check_references(struct config_definition *const *definitions, size_t count,
                            const char *search_path)
{
        const struct checked checked = { definitions, count, search_path };
        int r = 0;

        for (size_t i = 0; i < count && r == 0; i++) {
                const struct machine *machine = definitions[i]->machine;
                bool shares = machine->network.mode == MACHINE_NETWORK_MACHINE;
                char *const shared[] = { shares ? machine->network.target : NULL, NULL };

                r = check_machines(definitions[i], "requires", machine->life.requires, &checked);
                if (r == 0) {
                        r = check_machines(definitions[i], "network.mode", shared, &checked);
                }
                if (r == 0) {
                        r = check_network_names(definitions[i], search_path);
                }
        }
        return r;
}
