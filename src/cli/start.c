/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "base/strings.h"
#include "cli/definition.h"
#include "cli/machines.h"
#include "cli/starting.h"
#include "cli/verbs.h"

static const struct cli_option options[] = {
        CLI_SETTING_OPTIONS,
        CLI_OPTIONS_END,
};

/* What a supervise verb is told beside the machine. */
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

static const struct cli_option supervise_options[] = {
        { 0, "unit", "UNIT", "the unit that this is the main process of", take_unit },
        CLI_OPTIONS_END,
};

struct supervisor_options cli_supervisor_options(const struct cli *cli)
{
        return (struct supervisor_options){
                .directories = { cli->directories.runtime, cli->directories.state,
                                 cli->directories.config_path },
                .log_directory = cli->directories.log,
                .log = &cli->log,
                .report = -EBADF,
        };
}

static int run_start(struct cli *cli, const struct verb *verb, int argc, char **argv,
                     struct machine_error *error)
{
        struct cli_settings settings = { 0 };
        int r = cli_parse(cli, verb, &settings, &argc, &argv, error);

        if (r == 0 && argc == 0) {
                r = cli_usage_error(verb, error, "which machine?");
        }
        if (r == 0) {
                r = process_close_from(STDERR_FILENO + 1);
                r = r < 0 ? error_set(error, r, "cannot close inherited descriptors")
                          : cli_start_machines(cli, argv, &settings, error);
        }
        free(settings.items);
        return r > 0 ? 0 : r;
}

/* The main process of container@NAME.service. */
static int run_supervise(struct cli *cli, const struct verb *verb, int argc, char **argv,
                         struct machine_error *error)
{
        struct supervisor_options given = cli_supervisor_options(cli);
        struct supervise_options own = { 0 };
        struct machine *machine = NULL;
        int r = cli_parse(cli, verb, &own, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc != 1) {
                return cli_usage_error(verb, error, "one machine is looked after by one process");
        }
        given.unit = own.unit;
        r = cli_load_definition(cli, argv[0], &own.settings, &machine, error);
        if (r == 0) {
                r = cli_check_startable(machine, error);
        }
        if (r == 0) {
                r = supervise(machine, &given, error);
        }
        machine_free(machine);
        return r;
}

const struct verb verb_start = {
        .name = "start",
        .arguments = "M..",
        .summary = "start machines in the background",
        .options = options,
        .run = run_start,
};

const struct verb verb_supervise = {
        .name = "supervise",
        .arguments = "M",
        .summary = "start a machine and stay beside it, as a service's main process",
        .options = supervise_options,
        .run = run_supervise,
};
