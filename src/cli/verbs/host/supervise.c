/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/life/start.h"
#include "cli/life/transient.h"
#include "cli/machines/definition.h"
#include "cli/machines/machines.h"
#include "cli/machines/user.h"
#include "cli/verbs/verbs.h"
#include "supervise/life/supervisor.h"

struct supervise_options {
        struct cli_settings settings;
        const char *unit;
};

static int take_unit(const struct cli_option *option, const char *value, void *data,
                     struct machine_error *error)
{
        ((struct supervise_options *)data)->unit = value;
        return 0;
}

static const struct cli_option options[] = {
        { 0, "unit", "UNIT", "unit of this process", take_unit },
        CLI_OPTIONS_END,
};

/* The main process of container@NAME.service. */
static int run_supervise(struct cli *cli, const struct verb *verb, int argc, char **argv,
                         struct machine_error *error)
{
        struct supervisor_options given;
        struct supervise_options own = { 0 };
        struct machine *machine = NULL;
        int r = cli_parse(cli, verb, &own, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc != 1) {
                return cli_usage_error(verb, error, "expected one machine");
        }
        /* Not before the options are parsed, which may replace the directories. */
        given = cli_supervisor_options(cli);
        given.unit = own.unit;
        r = cli_load_to_start(cli, argv[0], &own.settings, &machine, error);
        if (r == 0) {
                r = cli_check_startable(machine, error);
        }
        if (r == 0) {
                r = cli_enter_user_for(cli, machine, error);
        }
        if (r == 0) {
                cli_collect_transient_before_start(cli);
                r = supervise(machine, &given, error);
        }
        machine_free(machine);
        return r;
}

const struct verb verb_supervise = {
        .name = "supervise",
        .arguments = "M",
        .summary = "start a machine and supervise it, for systemd",
        .options = options,
        .run = run_supervise,
};
