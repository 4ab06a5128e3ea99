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

/* What start is told beside the machines. */
struct start_options {
        struct cli_settings settings; /* first: what cli_take_setting() wants */
        bool all;
};

static int take_all(const struct cli_option *option, const char *value, void *data,
                    struct machine_error *error)
{
        ((struct start_options *)data)->all = true;
        return 0;
}

static const struct cli_option options[] = {
        { 0, "all", NULL, "every machine that has a definition", take_all },
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

static int start(struct cli *cli, const struct verb *verb, char *const *arguments,
                 const struct start_options *given, struct machine_error *error)
{
        _cleanup_free_ char *search_path = strv_join(cli->directories.config_path, ":");
        _cleanup_strv_ char **names = NULL;
        int r = process_close_from(STDERR_FILENO + 1);

        if (r < 0) {
                return error_set(error, r, "cannot close inherited descriptors");
        }
        if (!given->all && !arguments[0] && cli_settings_have_root(&given->settings)) {
                return cli_start_machines(cli, NULL, &given->settings, error);
        }
        if (given->all == (arguments[0] != NULL)) {
                return cli_usage_error(verb, error,
                                       given->all ? "--all and names exclude each other"
                                                  : "which machine?");
        }
        if (given->all) {
                r = search_path ? config_list_machines(search_path, &names, error)
                                : error_oom(error);
                arguments = names;
        }
        return r < 0 || !arguments ? r
                                   : cli_start_machines(cli, arguments, &given->settings, error);
}

static int run_start(struct cli *cli, const struct verb *verb, int argc, char **argv,
                     struct machine_error *error)
{
        struct start_options given = { 0 };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r == 0) {
                r = start(cli, verb, argv, &given, error);
        }
        free(given.settings.items);
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
        .summary = "start a machine and stay beside it, as a service",
        .options = supervise_options,
        .run = run_supervise,
};
