/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/error.h"
#include "base/rights/caller.h"
#include "base/strings.h"
#include "cli/machines/machines.h"
#include "cli/machines/selection.h"
#include "cli/verbs/verbs.h"
#include "systemd/manager.h"

/* The target that wants the units of machines. Disabling a unit does not disable it. */
#define TARGET "machines.target"

static int control_unit(struct cli *cli, const struct state_store *store, const char *name,
                        void *data, struct machine_error *error)
{
        _cleanup_free_ char *unit = systemd_unit_of(name);
        char *units[] = { unit, strcmp(data, "enable") == 0 ? (char *)TARGET : NULL, NULL };

        return unit ? systemd_control(data, units, error) : error_oom(error);
}

static int run_at_boot(struct cli *cli, const struct verb *verb, int argc, char **argv,
                       struct machine_error *error)
{
        int r = cli_parse(cli, verb, NULL, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (!systemd_is_booted()) {
                error_say(
                        error, EOPNOTSUPP,
                        "systemd is not running on this host: machines cannot be started at boot");
                error_hint(error, "run machinectl-lite start from the init system of the host");
                return -EOPNOTSUPP;
        }
        if (!caller_is_root() && strcmp(verb->name, "enable") == 0 && !systemd_lingers()) {
                log_warning(&cli->log, "your machines start when you log in, not at boot, and end "
                                       "with your last session; to change that: loginctl "
                                       "enable-linger");
        }
        return cli_for_each_machine(cli, verb, argv, &(struct cli_selection){ 0 }, control_unit,
                                    (void *)verb->name, error);
}

const struct verb verb_enable = {
        .name = "enable",
        .arguments = "M..",
        .summary = "start machines when the host boots",
        .run = run_at_boot,
};

const struct verb verb_disable = {
        .name = "disable",
        .arguments = "M..",
        .summary = "do not start machines when the host boots",
        .run = run_at_boot,
};
