/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <machine/load.h>

#include "base/error.h"
#include "config/config.h"

int machine_load(const char *name_or_path, const char *search_path, struct machine **ret,
                 char **ret_findings, struct machine_error *error)
{
        const struct config_options options = { .search_path = search_path };
        _cleanup_diagnostics_ struct diagnostics diagnostics = { 0 };
        struct machine *machine = NULL;
        char *findings = NULL;
        int r = config_load(name_or_path, &options, &diagnostics, &machine, error);

        if (ret_findings && diagnostics.count > 0) {
                findings = diagnostics_format(&diagnostics, false);
                if (!findings) {
                        machine_free(machine);
                        return error_oom(error);
                }
        }
        if (ret_findings) {
                *ret_findings = findings;
        }
        if (r == 0) {
                *ret = machine;
        }
        return r;
}
