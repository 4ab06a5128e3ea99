/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "base/strings.h"
#include "cli/definition.h"
#include "cli/machines.h"
#include "cli/verbs.h"
#include "supervise/supervisor.h"
#include "systemd/manager.h"

static const struct cli_option options[] = {
        CLI_SETTING_OPTIONS,
        CLI_OPTIONS_END,
};

/* Starting what runs is no failure: the second of two starts finds what it asks for. */
static bool is_running(const struct state_store *store, const char *name)
{
        _cleanup_record_ struct machine_record record = { 0 };

        return state_query(store, name, &record, NULL) == 0 &&
               (record.state == MACHINE_STATE_RUNNING || record.state == MACHINE_STATE_PAUSED);
}

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

static struct supervisor_options supervisor_options(const struct cli *cli)
{
        return (struct supervisor_options){
                .directories = { cli->directories.runtime, cli->directories.state,
                                 cli->directories.config_path },
                .log_directory = cli->directories.log,
                .log = &cli->log,
                .report = -EBADF,
        };
}

/* The service manager starts what it can find by itself: a name in the usual directories, as its
 * file says. */
static bool belongs_in_unit(const struct cli *cli, const char *argument,
                            const struct cli_settings *settings)
{
        return settings->count == 0 && !strchr(argument, '/') && strcmp(argument, "-") != 0 &&
               !string_ends_with(argument, ".machine") && cli->directories.usual &&
               systemd_is_booted() && systemd_has_machine_unit();
}

static int start_unit(const char *name, struct machine_error *error)
{
        _cleanup_free_ char *unit = systemd_unit_of(name);

        return unit ? systemd_control("start", unit, error) : error_oom(error);
}

int cli_start_machine(struct cli *cli, const struct state_store *store, const char *argument,
                      const struct cli_settings *settings, struct machine_error *error)
{
        struct supervisor_options given = supervisor_options(cli);
        struct machine *machine = NULL;
        int r;

        if (belongs_in_unit(cli, argument, settings)) {
                return start_unit(argument, error);
        }
        r = cli_load_definition(cli, argument, settings, &machine, error);
        if (r == 0 && !is_running(store, machine->name)) {
                r = cli_check_startable(machine, error);
                if (r == 0) {
                        r = supervise_detached(machine, &given, error);
                }
        }
        machine_free(machine);
        return r;
}

static int start_all(struct cli *cli, char *const *arguments, const struct cli_settings *settings,
                     struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        int result = 0;
        int r = cli_open_store(cli, &store, error);

        if (r < 0) {
                return r;
        }
        STRV_FOREACH(argument, arguments) {
                _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;

                r = cli_start_machine(cli, &store, *argument, settings, &failure);
                if (r < 0) {
                        if (result < 0) {
                                log_error(&cli->log, error);
                        }
                        error_move(error, &failure);
                        result = r;
                }
        }
        return result;
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
                          : start_all(cli, argv, &settings, error);
        }
        free(settings.items);
        return r > 0 ? 0 : r;
}

/* The main process of container@NAME.service. */
static int run_supervise(struct cli *cli, const struct verb *verb, int argc, char **argv,
                         struct machine_error *error)
{
        struct supervisor_options given = supervisor_options(cli);
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
