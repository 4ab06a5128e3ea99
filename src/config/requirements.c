/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "base/strings.h"
#include "config/config.h"

int config_requirements(const struct machine *machine, char ***ret)
{
        _cleanup_strv_ char **names = NULL;

        STRV_FOREACH(name, machine->life.requires) {
                if (strv_append(&names, *name) < 0) {
                        return -ENOMEM;
                }
        }
        if (machine->network.mode == MACHINE_NETWORK_MACHINE &&
            !strv_contains(names, machine->network.target) &&
            strv_append(&names, machine->network.target) < 0) {
                return -ENOMEM;
        }
        *ret = TAKE_PTR(names);
        return 0;
}

int config_network_names(const struct machine *machine, char ***ret)
{
        const struct machine_network *settings = &machine->network;
        _cleanup_strv_ char **names = NULL;

        if (settings->mode == MACHINE_NETWORK_BRIDGE && strv_append(&names, settings->name) < 0) {
                return -ENOMEM;
        }
        for (size_t i = 0; i < settings->further_count; i++) {
                const char *name = settings->further[i].name;

                if (name && !strv_contains(names, name) && strv_append(&names, name) < 0) {
                        return -ENOMEM;
                }
        }
        *ret = TAKE_PTR(names);
        return 0;
}
