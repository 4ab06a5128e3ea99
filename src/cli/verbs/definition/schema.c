/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/keys/schema.h"
#include "cli/output/print.h"

#include <stdio.h>

#include "base/error.h"
#include "cli/machines/machines.h"
#include "cli/verbs/verbs.h"

enum output {
        OUTPUT_SCHEMA,
        OUTPUT_MANUAL,
        OUTPUT_KEYS,
};

struct arguments {
        const struct config_table *table;
        struct config_table pod; /* of --pod */
        enum output output;
};

static int take_network(const struct cli_option *option, const char *value, void *data,
                        struct machine_error *error)
{
        ((struct arguments *)data)->table = &config_network_table;
        return 0;
}

static int take_volume(const struct cli_option *option, const char *value, void *data,
                       struct machine_error *error)
{
        ((struct arguments *)data)->table = &config_volume_table;
        return 0;
}

static int take_pod(const struct cli_option *option, const char *value, void *data,
                    struct machine_error *error)
{
        struct arguments *arguments = data;

        config_pod_table_clear(&arguments->pod);
        arguments->table = &arguments->pod;
        return config_pod_table(&arguments->pod) < 0 ? error_oom(error) : 0;
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
        { 0, "network", NULL, "print the format of .network files", take_network },
        { 0, "pod", NULL, "print the format of .pod files", take_pod },
        { 0, "volume", NULL, "print the format of .volume files", take_volume },
        { 0, "man", NULL, "print the keys as mdoc(7), for the manual page", take_manual },
        { 0, "keys", NULL, "print the keys and values, for completions", take_keys },
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

static int print(struct cli *cli, const struct arguments *arguments, struct machine_error *error)
{
        switch (arguments->output) {
        case OUTPUT_MANUAL:
                return print_text(config_manual(arguments->table), error);
        case OUTPUT_KEYS:
                return print_text(config_key_list(arguments->table), error);
        default:
                /* The default is pretty, because schemas are also read by people. */
                if (cli->json == CLI_JSON_OFF) {
                        cli->json = CLI_JSON_PRETTY;
                }
                return cli_print_json(cli, config_schema(arguments->table), error);
        }
}

static int run_schema(struct cli *cli, const struct verb *verb, int argc, char **argv,
                      struct machine_error *error)
{
        struct arguments arguments = { .table = &config_machine_table };
        int r = cli_parse(cli, verb, &arguments, &argc, &argv, error);

        if (r == 0 && argc > 0) {
                r = cli_usage_error(verb, error, "unexpected argument \"%s\"", argv[0]);
        } else if (r == 0) {
                r = print(cli, &arguments, error);
        }
        config_pod_table_clear(&arguments.pod);
        return r < 0 ? r : 0;
}

const struct verb verb_schema = {
        .name = "schema",
        .arguments = "",
        .summary = "print the JSON Schema of definitions",
        .options = options,
        .run = run_schema,
};
