/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/process.h"
#include "base/strings.h"
#include "cli/definition.h"
#include "cli/machines.h"
#include "cli/removing.h"
#include "cli/verbs.h"
#include "supervise/foreground.h"

struct run_options {
        struct cli_settings settings;
        bool ephemeral;
        bool dry_run;
};

static int take_ephemeral(const struct cli_option *option, const char *value, void *data,
                          struct machine_error *error)
{
        ((struct run_options *)data)->ephemeral = true;
        return 0;
}

static int take_dry_run(const struct cli_option *option, const char *value, void *data,
                        struct machine_error *error)
{
        ((struct run_options *)data)->dry_run = true;
        return 0;
}

static const struct cli_option options[] = {
        CLI_SETTING_OPTIONS,
        { 0, "ephemeral", NULL, "keep nothing that the machine writes", take_ephemeral },
        { 0, "dry-run", NULL, "print the steps of the start, do nothing", take_dry_run },
        CLI_OPTIONS_END,
};

/* A command on the command line goes over the definition's. */
static int take_command(struct machine *machine, char *const *command, struct machine_error *error)
{
        char **copy;

        if (command[0]) {
                copy = strv_copy(command);
                if (!copy) {
                        return error_oom(error);
                }
                strv_free(machine->process.command);
                machine->process.command = copy;
        }
        return 0;
}

static bool wants_terminal(const struct machine *machine)
{
        switch (machine->process.terminal) {
        case MACHINE_CHOICE_YES:
                return true;
        case MACHINE_CHOICE_NO:
                return false;
        case MACHINE_CHOICE_AUTO:
                break;
        }
        return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static void print_step(const char *step, bool child, void *data)
{
        printf("%s%s\n", child ? "  in the machine: " : "", step);
}

/* An array that was not made stays none, which cli_print_json() tells. */
static void append_step(const char *step, bool child, void *data)
{
        json_t **array = data;

        if (json_array_append_new(*array,
                                  json_pack("{s:s, s:b}", "step", step, "in_machine", child)) < 0) {
                json_decref(*array);
                *array = NULL;
        }
}

static int print_steps(const struct cli *cli, const struct machine *machine,
                       const struct launch_options *launch_options, struct machine_error *error)
{
        json_t *array = NULL;

        if (cli->json == CLI_JSON_OFF) {
                launch_list_steps(machine, launch_options, print_step, NULL);
                return 0;
        }
        array = json_array();
        launch_list_steps(machine, launch_options, append_step, &array);
        return cli_print_json(cli, array, error);
}

/* One run. *ret_again: a booted machine asks for another. */
static int start_and_stay(struct cli *cli, struct machine *machine,
                          const struct launch_options *launch_options, bool *ret_again,
                          struct machine_error *error)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        struct launch *launch = NULL;
        int status = launch_start(machine, launch_options, &launch, error);

        if (status < 0) {
                return status;
        }
        status = foreground_run(launch, error);
        *ret_again = launch_wants_reboot(launch);
        if (launch_finish(launch, &failure) < 0) {
                log_warning(&cli->log, "cleaning up after the machine: %s", failure.message);
        }
        return status;
}

/* Nobody knows the name that was made up for it, so nothing of it would ever be used again. */
static void forget_machine(struct cli *cli, const struct machine *machine)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        bool found;
        int r = cli_open_store(cli, &store, &failure);

        if (r == 0) {
                r = cli_remove_machine(cli, &store, machine->name, &found, &failure);
        }
        if (r < 0) {
                log_warning(&cli->log, "removing what the machine made: %s", failure.message);
        }
}

static int run_machine(struct cli *cli, struct machine *machine, const struct run_options *given,
                       struct machine_error *error)
{
        struct launch_options launch_options = {
                .directories = { cli->directories.runtime, cli->directories.state,
                                 cli->directories.config_path },
                .log = &cli->log,
                .ephemeral = given->ephemeral,
                .terminal = wants_terminal(machine),
                .streams = LAUNCH_OWN_STREAMS,
        };
        sigset_t previous;
        bool again = false;
        int r;

        if (given->dry_run) {
                return print_steps(cli, machine, &launch_options, error);
        }
        /* Descriptors that the caller left open are none of the machine's business, nor of a
         * supervisor that opens paths of a hostile root. */
        r = process_close_from(STDERR_FILENO + 1);
        if (r < 0) {
                return error_set(error, r, "cannot close inherited descriptors");
        }
        foreground_block_signals(&previous);
        do {
                r = start_and_stay(cli, machine, &launch_options, &again, error);
        } while (r >= 0 && again);
        if (machine->name_derived) {
                forget_machine(cli, machine);
        }
        return r;
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        struct run_options given = { 0 };
        struct machine *machine = NULL;
        const char *name = NULL;
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r == 0 && !cli_settings_have_root(&given.settings)) {
                if (argc == 0) {
                        r = cli_usage_error(verb, error, "which machine?");
                } else {
                        name = *argv++;
                        if (*argv && strcmp(*argv, "--") == 0) {
                                argv++;
                        }
                }
        }
        if (r == 0) {
                r = cli_load_definition(cli, name, &given.settings, &machine, error);
        }
        if (r == 0) {
                r = take_command(machine, argv, error);
        }
        if (r == 0) {
                r = cli_check_startable(machine, error);
        }
        if (r == 0) {
                r = run_machine(cli, machine, &given, error);
        }
        machine_free(machine);
        free(given.settings.items);
        return r > 0 && (cli->help || cli->version) ? 0 : r;
}

const struct verb verb_run = {
        .name = "run",
        .arguments = "M [-- COMMAND..]",
        .summary = "run a machine in the foreground",
        .options = options,
        .stop_at_argument = true,
        .run = run,
        .failure_status = 125,
};
