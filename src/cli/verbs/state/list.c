/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fnmatch.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "cli/life/started.h"
#include "cli/machines/machines.h"
#include "cli/machines/selection.h"
#include "cli/machines/user.h"
#include "cli/output/machine_tree.h"
#include "cli/output/print.h"
#include "cli/output/table.h"
#include "cli/verbs/verbs.h"
#include "network/network.h"
#include "state/health.h"
#include "state/record_networks.h"

struct list_options {
        bool all;
        bool tree;
        const char *labels[CLI_LABELS_MAXIMUM + 1];
        char *const *patterns; /* of names; none: any */
};

static const struct cli_option options[] = {
        { 'a', "all", NULL, "include stopped machines", CLI_FLAG(struct list_options, all) },
        CLI_LABEL_OPTION(struct list_options, labels),
        { 0, "tree", NULL, "by network and pod", CLI_FLAG(struct list_options, tree) },
        CLI_OPTIONS_END,
};

/* Returns NULL if the machine is not running or has no health checks. */
static const char *health_of(const struct state_store *store, const struct machine_record *record)
{
        _cleanup_health_ struct machine_health health = { 0 };

        return machine_state_is_live(record->state) &&
                               state_load_health(store, record->name, &health) == 0
                       ? health_status_name(health.status)
                       : NULL;
}

static int add_row(struct table *table, const struct machine_record *record, const char *health)
{
        _cleanup_free_ char *ports = strv_join(record->ports, " ");
        bool live = machine_state_is_live(record->state);
        char pid[16] = "", uptime[32] = "";

        if (!ports) {
                return -ENOMEM;
        }
        if (live && record->init.pid > 0) {
                snprintf(pid, sizeof pid, "%d", record->init.pid);
        }
        if (live && record->started_usec && clock_realtime() > record->started_usec) {
                quantity_format_time(clock_realtime() - record->started_usec, uptime);
        }
        return table_add(table, record->name) < 0 ||
                               table_add(table, machine_state_name(record->state)) < 0 ||
                               table_add(table, pid) < 0 || table_add(table, record->address) < 0 ||
                               table_add(table, ports) < 0 || table_add(table, uptime) < 0 ||
                               table_add(table, health) < 0 ||
                               table_add(table, record->definition) < 0
                       ? -ENOMEM
                       : 0;
}

/* The keys are an interface for scripts. "health" exists only for machines with health checks. */
static int add_object(json_t *array, const struct machine_record *record, const char *health)
{
        json_t *object = json_object();

        if (!object || json_array_append_new(array, object) < 0) {
                return -ENOMEM;
        }
        return json_set_string(object, "name", record->name) < 0 ||
                               json_set_string(object, "state", machine_state_name(record->state)) <
                                       0 ||
                               json_set_value(object, "pid",
                                              machine_state_is_live(record->state) &&
                                                              record->init.pid > 0
                                                      ? json_integer(record->init.pid)
                                                      : json_null()) < 0 ||
                               json_set_string(object, "address", record->address) < 0 ||
                               json_set_string(object, "address6", record->address6) < 0 ||
                               json_set_value(object, "networks",
                                              record_networks_json(record->networks)) < 0 ||
                               json_set_strings(object, "ports", record->ports) < 0 ||
                               json_set_strings(object, "labels", record->labels) < 0 ||
                               json_set_number(object, "started", record->started_usec) < 0 ||
                               (health && json_set_string(object, "health", health) < 0) ||
                               json_set_string(object, "definition", record->definition) < 0
                       ? -ENOMEM
                       : 0;
}

/* The output, as a table or as JSON. */
struct output {
        struct table table;
        json_t *array; /* NULL for a table */
};

static bool matches(const char *name, char *const *patterns)
{
        for (size_t i = 0; patterns[i]; i++) {
                if (fnmatch(patterns[i], name, 0) == 0) {
                        return true;
                }
        }
        return !patterns[0];
}

static int set_mode(json_t *object, const struct state_store *store, const char *name)
{
        _cleanup_json_ json_t *settings = cli_started_settings(store, name);

        return json_set_string(object, "mode",
                               json_get_string(json_object_get(settings, "network"), "mode"));
}

/* What the tree needs to know of the machine that was added last. */
static int complete(json_t *array, const struct state_store *store,
                    const struct machine_record *record)
{
        json_t *object = json_array_get(array, json_array_size(array) - 1);
        bool pod = record->definition && string_ends_with(record->definition, ".pod");

        return json_set_boolean(object, "pod", pod) < 0 ||
                               json_set_string(object, "network_of", record->network_of) < 0 ||
                               set_mode(object, store, record->name) < 0
                       ? -ENOMEM
                       : 0;
}

static int take_machine(struct cli *cli, const struct state_store *store, const char *name,
                        const struct list_options *given, struct output *output,
                        struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };
        const char *health;
        int r = state_query(store, name, &record, error);

        /* Deleted since the directory was read. A damaged record is a warning only. */
        if (r == -ENOENT) {
                return 0;
        }
        if (r < 0) {
                log_warning(&cli->log, "%s", error->message);
                machine_error_clear(error);
                return 0;
        }
        if ((!given->all && !machine_state_is_live(record.state)) ||
            !cli_labels_match(record.labels, given->labels)) {
                return 0;
        }
        health = health_of(store, &record);
        r = output->array ? add_object(output->array, &record, health)
                          : add_row(&output->table, &record, health);
        if (r == 0 && given->tree) {
                r = complete(output->array, store, &record);
        }
        return r < 0 ? error_oom(error) : 0;
}

static int print_tree(struct cli *cli, const json_t *machines, struct machine_error *error)
{
        _cleanup_json_ json_t *networks = NULL, *tree = NULL;
        int r = network_report(cli->directories.runtime, &networks, error);

        if (r < 0) {
                return r;
        }
        tree = machine_tree(machines, networks);
        if (!tree) {
                return error_oom(error);
        }
        if (cli->json != CLI_JSON_OFF) {
                return cli_print_json(cli, TAKE_PTR(tree), error);
        }
        machine_tree_print(cli, tree);
        return 0;
}

static int print(struct cli *cli, const struct list_options *given, struct output *output,
                 struct machine_error *error)
{
        if (given->tree) {
                return print_tree(cli, output->array, error);
        }
        if (output->array) {
                return cli_print_json(cli, TAKE_PTR(output->array), error);
        }
        table_print(&output->table, cli->legend, cli->colour);
        return 0;
}

static int list(struct cli *cli, const struct list_options *given, struct machine_error *error)
{
        static const char *const headings[] = { "NAME",    "STATE",      "PID",
                                                "ADDRESS", "PORTS",      "UPTIME",
                                                "HEALTH",  "DEFINITION", NULL };
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_strv_ char **names = NULL;
        bool objects = given->tree || cli->json != CLI_JSON_OFF;
        struct output output = { .array = objects ? json_array() : NULL };
        int r = cli_open_store(cli, &store, error);

        if (r == 0 && table_start(&output.table, headings) < 0) {
                r = error_oom(error);
        }
        if (r == 0) {
                r = state_list(&store, &names, error);
        }
        for (size_t i = 0; r == 0 && names && names[i]; i++) {
                r = matches(names[i], given->patterns)
                            ? take_machine(cli, &store, names[i], given, &output, error)
                            : 0;
        }
        if (r == 0) {
                r = print(cli, given, &output, error);
        }
        table_clear(&output.table);
        json_decref(output.array);
        return r;
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        struct list_options given = { 0 };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        given.patterns = argv;
        /* The state of a user's networks can be asked for in his namespace alone. */
        r = given.tree && cli_is_of_user(cli) ? cli_enter_user(cli, error) : 0;
        return r < 0 ? r : list(cli, &given, error);
}

const struct verb verb_list = {
        .name = "list",
        .arguments = "[PATTERN..]",
        .summary = "list running machines",
        .options = options,
        .run = run,
};
