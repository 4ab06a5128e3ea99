/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/output/print.h"
#include "cli/output/usage.h"

#include <stdio.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "cli/common/interval.h"
#include "cli/machines/machines.h"
#include "cli/machines/selection.h"
#include "cli/output/bar.h"
#include "cli/verbs/verbs.h"

/* Rates are measured between two samples, the first two of which are FIRST_INTERVAL apart. */
#define FIRST_INTERVAL (250 * USEC_PER_MSEC)

struct stats_options {
        bool once;
        uint64_t interval;
        struct cli_selection selection;
};

static const struct cli_option options[] = {
        { 0, "no-stream", NULL, "print once, the default without a terminal",
          CLI_FLAG(struct stats_options, once) },
        CLI_INTERVAL_OPTION(struct stats_options, interval),
        CLI_LABEL_OPTION(struct stats_options, selection.labels),
        CLI_OPTIONS_END,
};

/* ---- Samples ---- */

static int sample_machine(const struct state_store *store, const char *name, struct survey *round,
                          struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };
        int r = cli_find_running(store, name, &record, NULL, error);

        return r < 0 ? r : survey_add(round, store, &record, error);
}

/* The machines to sample: chosen anew for each round. */
struct choice {
        struct cli *cli;
        const struct verb *verb;
        const struct state_store *store;
        char *const *arguments;
        const struct cli_selection *selection;
        bool strict; /* all are named, and must be running */
};

static int take_round(const struct choice *choice, struct survey *round,
                      struct machine_error *error)
{
        _cleanup_strv_ char **names = NULL;
        int r = cli_select_machines(choice->cli, choice->verb, choice->arguments, choice->selection,
                                    choice->store, &names, error);

        for (size_t i = 0; r == 0 && names && names[i]; i++) {
                r = sample_machine(choice->store, names[i], round, error);
                /* Just ended. */
                if (r < 0 && !choice->strict && r != -ENOMEM) {
                        machine_error_clear(error);
                        r = 0;
                }
        }
        return r;
}

/* ---- Output ---- */

static int print_json(const struct cli *cli, const struct survey *round,
                      struct machine_error *error)
{
        _cleanup_json_ json_t *array = json_array();

        for (size_t i = 0; array && i < round->count; i++) {
                json_t *object =
                        usage_json(round->machines[i].record.name, &round->machines[i].usage);

                if (!object || json_array_append_new(array, object) < 0) {
                        return error_oom(error);
                }
        }
        return cli_print_json(cli, TAKE_PTR(array), error);
}

static int print_table(const struct cli *cli, const struct survey *round,
                       const struct survey *before, struct machine_error *error)
{
        _cleanup_table_ struct table table = { 0 };
        unsigned int cpus = (unsigned int)get_nprocs();
        bool utf8 = bar_terminal_is_utf8();

        if (table_start(&table, usage_headings) < 0) {
                return error_oom(error);
        }
        for (size_t i = 0; i < round->count; i++) {
                const struct survey_machine *sample = &round->machines[i];

                if (usage_add_row(&table, sample, survey_find(before, sample->record.name), cpus,
                                  utf8) < 0) {
                        return error_oom(error);
                }
        }
        table_print(&table, cli->legend, cli->colour);
        return 0;
}

static void wait_for(uint64_t usec)
{
        struct timespec time = {
                .tv_sec = (time_t)(usec / USEC_PER_SEC),
                .tv_nsec = (long)(usec % USEC_PER_SEC * 1000),
        };

        (void)nanosleep(&time, NULL);
}

/* Repeats until a named machine has ended, or the user interrupts. */
static int stream(const struct choice *choice, const struct stats_options *given,
                  struct machine_error *error)
{
        _cleanup_survey_ struct survey before = { 0 };
        bool live = !given->once && isatty(STDOUT_FILENO);
        uint64_t interval = FIRST_INTERVAL;
        int r = take_round(choice, &before, error);

        while (r == 0) {
                _cleanup_survey_ struct survey round = { 0 };

                wait_for(interval);
                r = take_round(choice, &round, error);
                if (r < 0) {
                        break;
                }
                if (live) {
                        /* Move to the top left corner, and clear the screen from there. */
                        fputs("\033[H\033[J", stdout);
                }
                r = print_table(choice->cli, &round, &before, error);
                if (r < 0 || !live) {
                        break;
                }
                fflush(stdout);
                survey_clear(&before);
                before = round;
                round = (struct survey){ 0 };
                interval = given->interval;
        }
        return r;
}

static int show(struct choice *choice, const struct stats_options *given,
                struct machine_error *error)
{
        _cleanup_survey_ struct survey round = { 0 };
        int r;

        if (choice->cli->json == CLI_JSON_OFF) {
                return stream(choice, given, error);
        }
        r = take_round(choice, &round, error);
        return r < 0 ? r : print_json(choice->cli, &round, error);
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        struct stats_options given = { .interval = CLI_INTERVAL_DEFAULT };
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        struct choice choice = { cli, verb, &store, NULL, &given.selection, true };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        choice.arguments = argv;
        given.selection.all = argc == 0;
        choice.strict = argc > 0;
        for (int i = 0; i < argc; i++) {
                choice.strict = choice.strict && !cli_is_pattern(argv[i]);
        }
        r = cli_open_store(cli, &store, error);
        return r < 0 ? r : show(&choice, &given, error);
}

const struct verb verb_stats = {
        .name = "stats",
        .arguments = "[M..]",
        .summary = "show resource usage of machines",
        .options = options,
        .run = run,
};
