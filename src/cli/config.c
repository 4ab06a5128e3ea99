/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/definition.h"
#include "cli/machines.h"
#include "cli/verbs.h"
#include "config/show.h"

struct arguments {
        struct cli_settings settings; /* first: what cli_take_setting() wants */
        bool defaults;
};

static int take_defaults(const struct cli_option *option, const char *value, void *data,
                         struct machine_error *error)
{
        ((struct arguments *)data)->defaults = true;
        return 0;
}

static const struct cli_option options[] = {
        { 0, "defaults", NULL, "show what holds for keys that are not given, too", take_defaults },
        CLI_SETTING_OPTIONS,
        CLI_OPTIONS_END,
};

DEFINE_CLEANUP(struct machine *, machine_free, cleanup_machine)

static json_t *shown_json(const struct machine *machine, bool defaults)
{
        _cleanup_json_ json_t *object = json_object();
        json_t *keys = NULL;

        if (!object || config_machine_json(machine, defaults, &keys) < 0 ||
            json_set_string(object, "name", machine->name) < 0 ||
            json_set_string(object, "definition", machine->definition) < 0) {
                json_decref(keys);
                return NULL;
        }
        if (json_set_value(object, "settings", keys) < 0 ||
            json_set_value(object, "origins", config_origins_json(machine)) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

static int show(struct cli *cli, const char *name, const struct arguments *arguments,
                struct machine_error *error)
{
        _cleanup_(cleanup_machine) struct machine *machine = NULL;
        _cleanup_free_ char *text = NULL;
        int r = cli_load_definition(cli, name, &arguments->settings, &machine, error);

        if (r < 0) {
                return r;
        }
        if (cli->json != CLI_JSON_OFF) {
                return cli_print_json(cli, shown_json(machine, arguments->defaults), error);
        }
        text = config_machine_text(machine, arguments->defaults);
        if (!text) {
                return error_oom(error);
        }
        fputs(text, stdout);
        return 0;
}

static int run_config(struct cli *cli, const struct verb *verb, int argc, char **argv,
                      struct machine_error *error)
{
        struct arguments arguments = { 0 };
        int r = cli_parse(cli, verb, &arguments, &argc, &argv, error);

        if (r == 0 && (argc == 0 || strcmp(argv[0], "show") != 0)) {
                r = cli_usage_error(verb, error, "expected \"show\"");
        } else if (r == 0 && (argc > 2 || (argc < 2 && arguments.settings.count == 0))) {
                r = cli_usage_error(verb, error, "expected one machine");
        } else if (r == 0) {
                r = show(cli, argv[1], &arguments, error);
        }
        free(arguments.settings.items);
        return r < 0 ? r : 0;
}

const struct verb verb_config = {
        .name = "config",
        .arguments = "show M",
        .summary = "show the definition in effect, and which line said so",
        .options = options,
        .run = run_config,
};
