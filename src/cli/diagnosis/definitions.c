/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Checks whether users of the host could become root through a defined machine. */

#include <errno.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/diagnosis/diagnosis.h"
#include "config/check/check.h"
#include "config/config.h"

/* Whether a definition has warnings that concern users of the host. Invalid definitions are left to
 * `check`, because they cannot be started. Returns 1, 0 or -ENOMEM. */
static int is_exposed(const char *name, const struct config_options *options)
{
        _cleanup_diagnostics_ struct diagnostics diagnostics = { 0 };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_config_definition_ struct config_definition *definition = NULL;
        size_t before;

        if (config_definition_open(name, options, &diagnostics, &definition, &error) < 0) {
                return error.number == ENOMEM ? -ENOMEM : 0;
        }
        before = diagnostics.count;
        if (config_check_trust(definition) < 0 || config_check_places(definition) < 0) {
                return -ENOMEM;
        }
        return diagnostics.count > before;
}

int examine_definitions(const struct cli *cli, struct diagnosis *ret)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_free_ char *search_path = strv_join(cli->directories.config_path, ":");
        const struct config_options options = { .search_path = search_path };
        _cleanup_strv_ char **names = NULL, **exposed = NULL;
        _cleanup_free_ char *list = NULL;

        if (!search_path) {
                return -ENOMEM;
        }
        if (config_list_machines(search_path, false, &names, &error) < 0) {
                return diagnosis_of_error(ret, DIAGNOSIS_WARNING, &error);
        }
        STRV_FOREACH(name, names) {
                int r = is_exposed(*name, &options);

                if (r < 0 || (r > 0 && strv_append(&exposed, *name) < 0)) {
                        return -ENOMEM;
                }
        }
        if (!exposed) {
                return diagnosis_say(ret, DIAGNOSIS_GOOD,
                                     "no machine lets users of the host become root");
        }
        list = strv_join(exposed, ", ");
        if (!list || diagnosis_say(ret, DIAGNOSIS_WARNING,
                                   "users of the host can change what is started, or get to what a "
                                   "machine's root writes: %s",
                                   list) < 0) {
                return -ENOMEM;
        }
        return diagnosis_way_out(ret, "see machinectl-lite check %s", exposed[0]);
}
