/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "cli/life/remove.h"
#include "cli/life/transient.h"
#include "cli/machines/definition.h"
#include "cli/machines/machines.h"
#include "cli/machines/user.h"
#include "cli/output/print.h"
#include "cli/verbs/verbs.h"
#include "supervise/foreground.h"
#include "supervise/heir.h"
#include "systemd/scope.h"

struct run_options {
        struct cli_settings settings;
        bool ephemeral;
        bool dry_run;
};

static const struct cli_option options[] = {
        CLI_SETTING_OPTIONS,
        CLI_FORCE_OPTION,
        CLI_TRUST_OPTION,
        { 0, "ephemeral", NULL, "discard changes to the root",
          CLI_FLAG(struct run_options, ephemeral) },
        { 0, "dry-run", NULL, "only print the steps of the start",
          CLI_FLAG(struct run_options, dry_run) },
        CLI_OPTIONS_END,
};

/* A command on the command line overrides that of the definition. */
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

static void print_step(const struct launch_told *step, void *data)
{
        printf("%s%s\n", step->child ? "  in the machine: " : "", step->name);
}

/* On failure the array becomes NULL, which cli_print_json() reports. */
static void append_step(const struct launch_told *step, void *data)
{
        json_t **array = data;

        if (json_array_append_new(*array, json_pack("{s:s, s:b}", "step", step->name, "in_machine",
                                                    step->child)) < 0) {
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

/* A run of a machine. */
struct stay {
        struct cli *cli;
        struct machine *machine;
        int transient; /* the lock of a machine with a generated name, or -EBADF */
        struct launch *launch;
        struct heir heir;
        char *stack; /* of the heir */
        bool again;  /* a booted machine reboots */
};

/* A machine with a generated name is not used again. */
static void forget_machine(struct stay *stay)
{
        struct cli *cli = stay->cli;
        const char *name = stay->machine->name;
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        bool found;
        int r = cli_open_store(cli, &store, &failure);

        if (r == 0) {
                r = cli_remove_machine(cli, &store, name, &found, &failure);
        }
        if (r < 0) {
                log_warning(&cli->log, "cannot remove the machine: %s", failure.message);
                fd_close(stay->transient);
        } else {
                cli_release_transient(cli, name, stay->transient);
        }
}

static void clean_up(struct stay *stay)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;

        if (launch_finish(TAKE_PTR(stay->launch), &failure) < 0) {
                log_warning(&stay->cli->log, "cannot clean up after the machine: %s",
                            failure.message);
        }
}

/* What the heir does. Standard error stays open for its warnings; a reader of standard output does
 * not wait for it. Their numbers stay taken: what it runs expects other files above them. */
static void end(void *data)
{
        struct stay *stay = data;

        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        (void)dup2(null, STDIN_FILENO);
        (void)dup2(null, STDOUT_FILENO);
        fd_close(null);
        clean_up(stay);
        if (stay->transient >= 0) {
                forget_machine(stay);
        }
}

/* The user gets the exit status as soon as it is known, and nobody waits for the machine's
 * namespaces to end and for the rest to be removed. Returns only if this process has to do that. */
static void leave_to_heir(struct stay *stay, int status)
{
        if (stay->heir.pid > 0 && fflush(stdout) == 0 && launch_bequeath(stay->launch, NULL) == 0) {
                heir_succeed(&stay->heir, status);
        }
}

/* Runs the machine once. With --debug, every message precedes the exit. */
static int start_and_stay(struct stay *stay, const struct launch_options *launch_options,
                          struct machine_error *error)
{
        bool early = false;
        int r = launch_start(stay->machine, launch_options, &stay->launch, error);

        if (r < 0) {
                return r;
        }
        if (launch_status_event(stay->launch) >= 0 && stay->cli->log.level < LOG_LEVEL_DEBUG) {
                /* Without an heir this process waits. */
                (void)heir_create(&stay->heir, stay->stack, end, stay);
        }
        r = foreground_run(stay->launch, &stay->machine->life, &early, error);
        if (early) {
                leave_to_heir(stay, r);
        }
        heir_dismiss(&stay->heir);
        stay->again = launch_wants_reboot(stay->launch);
        clean_up(stay);
        return r;
}

/* Limits that are the control group's. */
static bool needs_group(const struct machine_limits *limits)
{
        return limits->memory != MACHINE_UNSET || limits->memory_high != MACHINE_UNSET ||
               limits->memory_low != MACHINE_UNSET || limits->swap != MACHINE_UNSET ||
               limits->cpu_quota != MACHINE_UNSET || limits->cpu_weight != MACHINE_UNSET ||
               limits->cpus || limits->memory_nodes || limits->tasks != MACHINE_UNSET ||
               limits->io_weight != MACHINE_UNSET || limits->io_count > 0 || limits->hugepages;
}

static int run_machine(struct cli *cli, struct machine *machine, const struct run_options *given,
                       struct machine_error *error)
{
        _Alignas(16) char stack[HEIR_STACK_SIZE];
        struct launch_options launch_options = {
                .directories = { cli->directories.runtime, cli->directories.state,
                                 cli->directories.config_path },
                .log = &cli->log,
                .title = cli->title,
                .ephemeral = given->ephemeral,
                .terminal = wants_terminal(machine),
                .streams = LAUNCH_OWN_STREAMS,
        };
        struct stay stay = { .cli = cli, .machine = machine, .transient = -EBADF, .stack = stack };
        sigset_t previous;
        int r;

        if (given->dry_run) {
                return print_steps(cli, machine, &launch_options, error);
        }
        /* Do not leak descriptors of the caller into the machine, or into the supervisor, which
         * opens paths in a hostile root. */
        r = process_close_from(STDERR_FILENO + 1);
        if (r < 0) {
                return error_set(error, r, "cannot close inherited descriptors");
        }
        if (needs_group(&machine->limits)) {
                r = systemd_enter_own_scope(machine->name, error);
        }
        if (r == 0) {
                r = cli_enter_user_for(cli, machine, error);
        }
        if (r < 0) {
                return r;
        }
        cli_collect_transient_before_start(cli);
        if (machine->name_derived) {
                stay.transient = cli_hold_transient(cli, machine->name, error);
                if (stay.transient < 0) {
                        return stay.transient;
                }
        }
        foreground_block_signals(&previous);
        do {
                r = start_and_stay(&stay, &launch_options, error);
        } while (r >= 0 && stay.again);
        if (stay.transient >= 0) {
                forget_machine(&stay);
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
                        r = cli_usage_error(verb, error, "no machine given");
                } else {
                        name = *argv++;
                        if (*argv && strcmp(*argv, "--") == 0) {
                                argv++;
                        }
                }
        }
        if (r == 0) {
                r = cli_load_to_start(cli, name, &given.settings, &machine, error);
        }
        if (r == 0) {
                r = take_command(machine, argv, error);
        }
        if (r == 0) {
                r = cli_check_startable(machine, error);
        }
        if (r == 0) {
                r = cli_check_corruption(machine, &given.settings, error);
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
