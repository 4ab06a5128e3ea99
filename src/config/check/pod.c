/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/check/check.h"

#include <stdint.h>
#include <string.h>

#include "base/strings.h"
#include "config/kinds/kind.h"

static int refuse(struct config_definition *definition, const char *key, char *message, char *hint)
{
        struct config_place place = config_definition_place(definition, key, SIZE_MAX);

        return config_report(definition->diagnostics, DIAGNOSTIC_ERROR, &place, message, hint);
}

static int check_holder(struct config_definition *definition)
{
        const struct machine *machine = definition->machine;
        int r = 0;

        for (size_t i = 0; r == 0 && i < config_machine_table.count; i++) {
                const struct config_key *key = &config_machine_table.keys[i];

                if (!(key->flags & CONFIG_OF_POD) &&
                    config_definition_gives(definition, key->name)) {
                        r = refuse(definition, key->name,
                                   string_format("\"%s\" is no key of pods", key->name),
                                   string_format("set it in the machines with pod = \"%s\"",
                                                 machine->name));
                }
        }
        if (r == 0 && machine->network.mode != MACHINE_NETWORK_BRIDGE &&
            machine->network.mode != MACHINE_NETWORK_NONE) {
                r = refuse(definition, "network.mode",
                           strdup("a pod has a network of its own: its mode is \"bridge\" or "
                                  "\"none\""),
                           strdup(""));
        }
        return r;
}

/* What all members have from their pod. */
static bool is_shared(const char *key)
{
        static const char *const shared[] = {
                "ports",          "hostname",       "domainname", "user_namespace",
                "namespaces.ipc", "namespaces.uts", "networks",
        };

        for (size_t i = 0; i < ELEMENTS_OF(shared); i++) {
                if (strcmp(key, shared[i]) == 0) {
                        return true;
                }
        }
        return string_after(key, "network.") != NULL;
}

int config_check_pod(struct config_definition *definition)
{
        const struct machine *machine = definition->machine;
        int r = 0;

        if (machine->holds_pod) {
                return check_holder(definition);
        }
        for (size_t i = 0; machine->pod && r == 0 && i < config_machine_table.count; i++) {
                const char *key = config_machine_table.keys[i].name;

                if (is_shared(key) && config_definition_gives(definition, key)) {
                        r = refuse(definition, key,
                                   string_format("\"%s\" is that of the pod \"%s\"", key,
                                                 machine->pod),
                                   string_format("set it in %s.pod", machine->pod));
                }
        }
        return r;
}
