/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "base/error.h"
#include "cli/life/transient.h"
#include "cli/machines/definition.h"
#include "cli/machines/machines.h"
#include "cli/machines/user.h"
#include "cli/verbs/verbs.h"
#include "launch/launch.h"

static const struct cli_option options[] = {
        CLI_SETTING_OPTIONS,
        CLI_TRUST_OPTION,
        CLI_OPTIONS_END,
};

static int create_machine(struct cli *cli, struct machine *machine, struct machine_error *error)
{
        const struct launch_options launch_options = {
                .directories = { cli->directories.runtime, cli->directories.state,
                                 cli->directories.config_path },
                .log = &cli->log,
                .streams = LAUNCH_OWN_STREAMS,
        };
        int r = cli_check_startable(machine, error);

        if (r == 0) {
                r = cli_enter_user_for(cli, machine, error);
        }
        if (r < 0) {
                return r;
        }
        cli_collect_transient_before_start(cli);
        return launch_create(machine, &launch_options, error);
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        struct cli_settings settings = { 0 };
        struct machine *machine = NULL;
        int r = cli_parse(cli, verb, &settings, &argc, &argv, error);

        if (r == 0 && argc != 1 && (argc > 1 || !cli_settings_have_root(&settings))) {
                r = cli_usage_error(verb, error, "expected one machine");
        }
        if (r == 0) {
                r = cli_load_to_start(cli, argc > 0 ? argv[0] : NULL, &settings, &machine, error);
        }
        if (r == 0) {
                r = create_machine(cli, machine, error);
        }
        if (r == 0) {
                r = cli_print_made_name(cli, machine, error);
        }
        machine_free(machine);
        free(settings.items);
        return r > 0 ? 0 : r;
}

const struct verb verb_create = {
        .name = "create",
        .arguments = "M",
        .summary = "prepare a machine without starting it",
        .options = options,
        .run = run,
};
