/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "base/error.h"
#include "cli/explain/explain.h"
#include "cli/machines/definition.h"
#include "cli/machines/machines.h"
#include "cli/machines/user.h"
#include "cli/output/print.h"
#include "cli/verbs/verbs.h"

struct explain_options {
        struct cli_settings settings; /* first, for cli_take_setting() */
        bool running;
};

static const struct cli_option options[] = {
        { 0, "running", NULL, "what it is made of, from /proc and the kernel",
          CLI_FLAG(struct explain_options, running) },
        CLI_SETTING_OPTIONS,
        CLI_OPTIONS_END,
};

DEFINE_CLEANUP(struct machine *, machine_free, cleanup_machine)

static int print(const struct cli *cli, json_t *object, void (*print_text)(const json_t *),
                 struct machine_error *error)
{
        if (!object || cli->json != CLI_JSON_OFF) {
                return cli_print_json(cli, object, error);
        }
        print_text(object);
        json_decref(object);
        return 0;
}

static int show_start(struct cli *cli, const char *name, const struct cli_settings *settings,
                      struct machine_error *error)
{
        _cleanup_(cleanup_machine) struct machine *machine = NULL;
        int r = cli_load_definition(cli, name, settings, &machine, error);

        return r < 0 ? r : print(cli, explain_start(cli, machine), explain_print_start, error);
}

static int show_running(struct cli *cli, const struct verb *verb, const char *argument,
                        struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_record_ struct machine_record record = { 0 };
        _cleanup_free_ char *name = NULL;
        json_t *running = NULL;
        int r = cli_machine_name(cli, verb, argument, &name, error);

        if (r == 0) {
                r = cli_open_store(cli, &store, error);
        }
        if (r == 0) {
                r = cli_find_running(&store, name, &record, NULL, error);
        }
        if (r == 0) {
                r = cli_enter_user_of(cli, &record, error);
        }
        if (r == 0) {
                r = explain_running(cli, &record, &running, error);
        }
        return r < 0 ? r : print(cli, running, explain_print_running, error);
}

static int explain(struct cli *cli, const struct verb *verb, const struct explain_options *given,
                   int argc, char **argv, struct machine_error *error)
{
        bool alone = given->settings.count > 0 && !given->running;

        if (argc > 1 || (argc == 0 && !alone)) {
                return cli_usage_error(verb, error, "expected one machine");
        }
        if (given->running && given->settings.count > 0) {
                return cli_usage_error(verb, error,
                                       "settings do not go with --running: a running machine has "
                                       "those of its start");
        }
        return given->running ? show_running(cli, verb, argv[0], error)
                              : show_start(cli, argc > 0 ? argv[0] : NULL, &given->settings, error);
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        struct explain_options given = { 0 };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r == 0) {
                r = explain(cli, verb, &given, argc, argv, error);
        }
        free(given.settings.items);
        return r < 0 ? r : 0;
}

const struct verb verb_explain = {
        .name = "explain",
        .arguments = "M",
        .summary = "explain a start, or a running machine",
        .options = options,
        .run = run,
};
