/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/config.h"
#include "cli/output/print.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/machines/definition.h"
#include "cli/machines/machines.h"
#include "cli/verbs/verbs.h"
#include "config/show.h"
#include "config/snapshot.h"

struct arguments {
        struct cli_settings settings; /* first, for cli_take_setting() */
        bool defaults;
};

static const struct cli_option options[] = {
        { 0, "defaults", NULL, "also show the defaults of keys that are not set",
          CLI_FLAG(struct arguments, defaults) },
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

/* ---- diff ---- */

static void print_place(const json_t *place)
{
        uint64_t line = 0;

        if (json_is_object(place) && json_get_number(place, "line", &line) == 0) {
                printf("%s:%llu", json_get_string(place, "file"), (unsigned long long)line);
        } else {
                fputs("default", stdout);
        }
}

/* "limits.memory: "256M" -> "512M"  # web.machine:14"; for a removed key, its old location. */
static int print_difference(const json_t *difference)
{
        json_t *old = json_object_get(difference, "old"), *new = json_object_get(difference, "new");
        json_t *old_place = json_object_get(difference, "old_place");
        json_t *new_place = json_object_get(difference, "new_place");
        _cleanup_free_ char *from = json_is_null(old) ? strdup("(none)") : config_value_text(old);
        _cleanup_free_ char *to = json_is_null(new) ? strdup("(none)") : config_value_text(new);

        if (!from || !to) {
                return -ENOMEM;
        }
        printf("%s: %s -> %s  # ", json_get_string(difference, "key"), from, to);
        print_place(new_place);
        if (json_is_null(new_place)) {
                fputs(", was ", stdout);
                print_place(old_place);
        }
        putchar('\n');
        return 0;
}

static int print_differences(const struct cli *cli, json_t *differences,
                             struct machine_error *error)
{
        _cleanup_json_ json_t *owned = differences;
        json_t *difference;
        size_t i;

        if (cli->json != CLI_JSON_OFF) {
                return cli_print_json(cli, TAKE_PTR(owned), error);
        }
        json_array_foreach(owned, i, difference)
        {
                if (print_difference(difference) < 0) {
                        return error_oom(error);
                }
        }
        return 0;
}

/* Reads the definition that a running machine was started with. The caller frees *ret. */
static int load_snapshot(const struct cli *cli, const char *name, struct machine_record *record,
                         char **ret, struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        int r = cli_open_store(cli, &store, error);

        if (r == 0) {
                r = cli_find_running(&store, name, record, NULL, error);
        }
        if (r < 0) {
                return r;
        }
        if (!record->definition) {
                return error_say(error, ENODATA, "machine \"%s\" was not started from a file",
                                 name);
        }
        r = state_load_definition(&store, name, ret);
        if (r == -ENOENT) {
                return error_say(error, ENODATA,
                                 "machine \"%s\" runs in the foreground: its original definition "
                                 "is not kept",
                                 name);
        }
        return r < 0 ? error_set(error, r, "cannot read the original definition of machine \"%s\"",
                                 name)
                     : 0;
}

static int diff(struct cli *cli, const char *argument, const struct arguments *arguments,
                struct machine_error *error)
{
        _cleanup_(cleanup_machine) struct machine *machine = NULL;
        _cleanup_record_ struct machine_record record = { 0 };
        _cleanup_free_ char *name = NULL, *snapshot = NULL;
        json_t *differences;
        int r = cli_machine_name(cli, &verb_config, argument, &name, error);

        if (r == 0) {
                r = load_snapshot(cli, name, &record, &snapshot, error);
        }
        if (r == 0) {
                r = cli_load_definition(cli, record.definition, &arguments->settings, &machine,
                                        error);
        }
        if (r < 0) {
                return r;
        }
        r = config_differences(snapshot, machine, &differences);
        if (r < 0) {
                return error_set(error, r, "cannot compare machine \"%s\" with its definition",
                                 name);
        }
        return print_differences(cli, differences, error);
}

/* ---- the verb ---- */

static const struct {
        const char *name;
        int (*act)(struct cli *cli, const char *name, const struct arguments *arguments,
                   struct machine_error *error);
        bool without_machine; /* settings alone suffice */
} actions[] = {
        { "show", show, true },
        { "diff", diff, false },
};

static int run_action(struct cli *cli, const struct arguments *arguments, int argc, char **argv,
                      struct machine_error *error)
{
        const char *wanted = argc > 0 ? argv[0] : "";

        for (size_t i = 0; i < ELEMENTS_OF(actions); i++) {
                bool alone = actions[i].without_machine && arguments->settings.count > 0;

                if (strcmp(actions[i].name, wanted) != 0) {
                        continue;
                }
                if (argc > 2 || (argc < 2 && !alone)) {
                        return cli_usage_error(&verb_config, error, "expected one machine");
                }
                return actions[i].act(cli, argv[1], arguments, error);
        }
        return cli_usage_error(&verb_config, error, "expected \"show\" or \"diff\"");
}

static int run_config(struct cli *cli, const struct verb *verb, int argc, char **argv,
                      struct machine_error *error)
{
        struct arguments arguments = { 0 };
        int r = cli_parse(cli, verb, &arguments, &argc, &argv, error);

        if (r == 0) {
                r = run_action(cli, &arguments, argc, argv, error);
        }
        free(arguments.settings.items);
        return r < 0 ? r : 0;
}

const struct verb verb_config = {
        .name = "config",
        .arguments = "show or diff M",
        .summary = "show a definition, or how it has changed",
        .options = options,
        .run = run_config,
};
