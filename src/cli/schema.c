/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/schema.h"

#include <stdio.h>

#include "base/error.h"
#include "cli/machines.h"
#include "cli/verbs.h"

enum output {
        OUTPUT_SCHEMA,
        OUTPUT_MANUAL,
        OUTPUT_KEYS,
};

struct arguments {
        const struct config_table *table;
        enum output output;
};

static int take_network(const struct cli_option *option, const char *value, void *data,
                        struct machine_error *error)
{
        ((struct arguments *)data)->table = &config_network_table;
        return 0;
}

static int take_manual(const struct cli_option *option, const char *value, void *data,
                       struct machine_error *error)
{
        ((struct arguments *)data)->output = OUTPUT_MANUAL;
        return 0;
}

static int take_keys(const struct cli_option *option, const char *value, void *data,
                     struct machine_error *error)
{
        ((struct arguments *)data)->output = OUTPUT_KEYS;
        return 0;
}

static const struct cli_option options[] = {
        { 0, "network", NULL, "the format of .network files", take_network },
        { 0, "man", NULL, "the keys as mdoc(7), for the manual page", take_manual },
        { 0, "keys", NULL, "the keys and their words, for completions", take_keys },
        CLI_OPTIONS_END,
};

static int print_text(char *text, struct machine_error *error)
{
        if (!text) {
                return error_oom(error);
        }
        fputs(text, stdout);
        free(text);
        return 0;
}

static int run_schema(struct cli *cli, const struct verb *verb, int argc, char **argv,
                      struct machine_error *error)
{
        struct arguments arguments = { .table = &config_machine_table };
        int r = cli_parse(cli, verb, &arguments, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc > 0) {
                return cli_usage_error(verb, error, "unexpected argument \"%s\"", argv[0]);
        }
        switch (arguments.output) {
        case OUTPUT_MANUAL:
                return print_text(config_manual(arguments.table), error);
        case OUTPUT_KEYS:
                return print_text(config_key_list(arguments.table), error);
        default:
                /* A schema is for programs and for reading: pretty unless asked otherwise. */
                if (cli->json == CLI_JSON_OFF) {
                        cli->json = CLI_JSON_PRETTY;
                }
                return cli_print_json(cli, config_schema(arguments.table), error);
        }
}

const struct verb verb_schema = {
        .name = "schema",
        .arguments = "",
        .summary = "print the JSON Schema of definitions",
        .options = options,
        .run = run_schema,
};
