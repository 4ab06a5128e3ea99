/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/output/application.h"

#include <stdio.h>

#include "base/json.h"
#include "base/strings.h"
#include "cli/output/print.h"
#include "cli/output/table.h"

/* Enough of a revision to tell it from others. */
#define REVISION_SHOWN 12

static char *shown_revision(const char *revision)
{
        return revision ? strndup(revision, REVISION_SHOWN) : strdup("-");
}

/* ---- Plans ---- */

static int add_item(struct table *table, const struct plan_item *item)
{
        return table_add(table, plan_word_name(item->word)) < 0 ||
                               table_add(table, item->name) < 0 ||
                               table_add(table, item->reason) < 0
                       ? -ENOMEM
                       : 0;
}

static bool is_shown(const struct plan_item *item)
{
        return item->word != PLAN_UNCHANGED || item->withheld;
}

int cli_print_plan(const struct cli *cli, const struct application *application, bool all,
                   struct machine_error *error)
{
        static const char *const headings[] = { "PLAN", "MACHINE", "REASON", NULL };
        const struct plan *plan = application->plan;
        _cleanup_table_ struct table table = { 0 };
        size_t shown = 0;
        int r = table_start(&table, headings);

        for (size_t i = 0; r == 0 && i < plan->count; i++) {
                if (all || is_shown(&plan->items[i])) {
                        r = add_item(&table, &plan->items[i]);
                        shown++;
                }
        }
        if (r < 0) {
                return error_oom(error);
        }
        if (shown > 0) {
                table_print(&table, cli->legend, cli->colour);
        }
        if (cli->legend && shown < plan->count) {
                printf("%s%zu of %zu machines unchanged\n", shown > 0 ? "\n" : "",
                       plan->count - shown, plan->count);
        }
        return fflush(stdout) != 0 ? error_set(error, errno, "cannot write to standard output") : 0;
}

static json_t *item_json(const struct plan_item *item)
{
        _cleanup_json_ json_t *object = json_object();

        if (json_set_string(object, "name", item->name) < 0 ||
            json_set_string(object, "plan", plan_word_name(item->word)) < 0 ||
            json_set_string(object, "reason", item->reason) < 0 ||
            json_set_string(object, "runs", item->live ? item->revision : NULL) < 0 ||
            json_set_boolean(object, "withheld", item->withheld) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

json_t *cli_plan_json(const struct application *application)
{
        const struct plan *plan = application->plan;
        _cleanup_json_ json_t *object = json_object(), *machines = json_array();

        for (size_t i = 0; i < plan->count; i++) {
                if (json_array_append_new(machines, item_json(&plan->items[i])) < 0) {
                        return NULL;
                }
        }
        if (json_set_string(object, "source", application->store.id) < 0 ||
            json_set_string(object, "revision", application->revision) < 0 ||
            json_set_string(object, "current", application->from) < 0 ||
            json_set_number(object, "changes", plan->changes) < 0 ||
            json_set_value(object, "machines", TAKE_PTR(machines)) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

static int add_result(json_t *machine, const struct execute_result *result)
{
        return json_set_boolean(machine, "done", result->done) < 0 ||
                               json_set_boolean(machine, "taken_back", result->taken_back) < 0 ||
                               json_set_string(machine, "error", result->reason) < 0
                       ? -ENOMEM
                       : 0;
}

int cli_add_results(json_t *plan, const struct application *application)
{
        json_t *machines = json_object_get(plan, "machines");

        for (size_t i = 0; application->results && i < application->plan->count; i++) {
                if (add_result(json_array_get(machines, i), &application->results[i]) < 0) {
                        return -ENOMEM;
                }
        }
        return json_set_boolean(plan, "taken_back", application->taken_back);
}

/* ---- History ---- */

static char *summary_of(const json_t *entry)
{
        json_t *machines = json_object_get(entry, "machines");
        _cleanup_strv_ char **texts = NULL;
        const char *name;
        json_t *word;

        json_object_foreach(machines, name, word)
        {
                if (strv_take(&texts, string_format("%s %s", json_string_value(word), name)) < 0) {
                        return NULL;
                }
        }
        strv_sort(texts);
        return strv_join(texts, ", ");
}

static int add_entry(struct table *table, const json_t *entry, bool stored)
{
        _cleanup_free_ char *revision = shown_revision(json_get_string(entry, "revision"));
        _cleanup_free_ char *summary = summary_of(entry), *time = NULL;
        uint64_t usec = 0;

        (void)json_get_number(entry, "time", &usec);
        time = cli_format_timestamp(usec);
        return !revision || !summary || table_add(table, time) < 0 ||
                               table_add(table, revision) < 0 ||
                               table_add(table, json_get_string(entry, "action")) < 0 ||
                               table_add(table, json_get_string(entry, "result")) < 0 ||
                               table_add(table, stored ? "yes" : "no") < 0 ||
                               table_add(table, *summary ? summary : NULL) < 0
                       ? -ENOMEM
                       : 0;
}

int cli_print_history(const struct cli *cli, const struct source_store *store,
                      const struct source_record *record, struct machine_error *error)
{
        static const char *const headings[] = { "TIME",   "REVISION", "ACTION", "RESULT",
                                                "STORED", "CHANGES",  NULL };
        json_t *history = source_record_history(record);
        _cleanup_table_ struct table table = { 0 };

        if (cli->json != CLI_JSON_OFF) {
                return cli_print_json(cli, json_incref(history), error);
        }
        if (table_start(&table, headings) < 0) {
                return error_oom(error);
        }
        for (size_t i = json_array_size(history); i > 0; i--) {
                const json_t *entry = json_array_get(history, i - 1);
                const char *revision = json_get_string(entry, "revision");

                if (add_entry(&table, entry, revision && source_store_has(store, revision)) < 0) {
                        return error_oom(error);
                }
        }
        table_print(&table, cli->legend, cli->colour);
        return 0;
}

/* ---- Sources ---- */

static json_t *machine_json(const struct cli *cli, const struct state_store *machines,
                            const struct source_store *store, const struct source_record *record,
                            const char *name)
{
        _cleanup_record_ struct machine_record state = { 0 };
        _cleanup_json_ json_t *object = json_object();
        _cleanup_free_ char *held = NULL, *runs = NULL;
        const char *reason = NULL, *failed = source_record_failed(record, name, &reason);
        bool known = state_query(machines, name, &state, NULL) == 0;

        if (source_store_held(store, name, &held) < 0) {
                return NULL;
        }
        if (known && machine_state_is_live(state.state)) {
                runs = source_store_revision_of(store, state.definition);
        }
        if (json_set_string(object, "name", name) < 0 ||
            json_set_string(object, "state", known ? machine_state_name(state.state) : "stopped") <
                    0 ||
            json_set_string(object, "runs", runs) < 0 ||
            json_set_string(object, "held", held) < 0 ||
            json_set_string(object, "failed", failed) < 0 ||
            json_set_string(object, "reason", reason) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

static json_t *source_json(const struct cli *cli, const struct state_store *machines,
                           const struct source_store *store, const struct source_record *record,
                           const char *current)
{
        _cleanup_json_ json_t *object = json_object(), *list = json_array();
        json_t *history = source_record_history(record);
        const json_t *last = json_array_get(history, json_array_size(history) - 1);
        _cleanup_strv_ char **names = NULL;
        const char *name;
        json_t *value;

        json_object_foreach(source_record_machines(record), name, value)
        {
                if (strv_append(&names, name) < 0) {
                        return NULL;
                }
        }
        strv_sort(names);
        STRV_FOREACH(one, names) {
                if (json_array_append_new(list, machine_json(cli, machines, store, record, *one)) <
                    0) {
                        return NULL;
                }
        }
        if (json_set_string(object, "source", store->id) < 0 ||
            json_set_string(object, "origin", source_record_origin(record)) < 0 ||
            json_set_string(object, "current", current) < 0 ||
            json_set_string(object, "result", json_get_string(last, "result")) < 0 ||
            json_set_string(object, "rejected", source_record_rejected(record)) < 0 ||
            json_set_value(object, "machines", TAKE_PTR(list)) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

static int add_source(const struct cli *cli, const struct state_store *machines, const char *id,
                      json_t *array, struct machine_error *error)
{
        _cleanup_source_store_ struct source_store store = SOURCE_STORE_INIT;
        _cleanup_source_record_ struct source_record record = { 0 };
        _cleanup_free_ char *current = NULL;
        int r = apply_open_source(cli->directories.state, id, &store, &record, error);

        r = r < 0 ? r : source_store_current(&store, &current, error);
        if (r == 0 && json_array_append_new(
                              array, source_json(cli, machines, &store, &record, current)) < 0) {
                r = error_oom(error);
        }
        return r;
}

static int print_machines(const struct cli *cli, json_t *source, struct machine_error *error)
{
        static const char *const headings[] = { "MACHINE", "STATE", "RUNS", "NOTE", NULL };
        _cleanup_table_ struct table table = { 0 };
        int r = table_start(&table, headings);
        json_t *machine;
        size_t i;

        json_array_foreach(json_object_get(source, "machines"), i, machine)
        {
                _cleanup_free_ char *runs = shown_revision(json_get_string(machine, "runs"));
                const char *failed = json_get_string(machine, "failed");
                _cleanup_free_ char *note =
                        failed ? string_format("its version of %.*s has failed: %s", REVISION_SHOWN,
                                               failed, json_get_string(machine, "reason"))
                               : NULL;

                if (r < 0 || !runs || table_add(&table, json_get_string(machine, "name")) < 0 ||
                    table_add(&table, json_get_string(machine, "state")) < 0 ||
                    table_add(&table, runs) < 0 || table_add(&table, note) < 0) {
                        return error_oom(error);
                }
        }
        table_print(&table, cli->legend, cli->colour);
        return 0;
}

static int print_source(const struct cli *cli, json_t *source, struct machine_error *error)
{
        const char *current = json_get_string(source, "current");
        const char *result = json_get_string(source, "result");
        const char *origin = json_get_string(source, "origin");

        printf("%s\n  origin:   %s\n  revision: %s%s%s%s\n\n", json_get_string(source, "source"),
               origin ? origin : "-", current ? current : "-", result ? " (" : "",
               result ? result : "", result ? ")" : "");
        return print_machines(cli, source, error);
}

int cli_print_sources(const struct cli *cli, const char *source, struct machine_error *error)
{
        _cleanup_state_store_ struct state_store machines = STATE_STORE_INIT;
        _cleanup_json_ json_t *array = json_array();
        _cleanup_strv_ char **ids = NULL;
        json_t *element;
        size_t i;
        int r = state_store_open(cli->directories.runtime, &machines, error);

        if (r == 0) {
                r = source ? strv_append(&ids, source)
                           : source_store_list(cli->directories.state, &ids, error);
        }
        STRV_FOREACH(id, ids) {
                r = r < 0 ? r : add_source(cli, &machines, *id, array, error);
        }
        if (r < 0) {
                return r;
        }
        if (cli->json != CLI_JSON_OFF) {
                return cli_print_json(cli, TAKE_PTR(array), error);
        }
        json_array_foreach(array, i, element)
        {
                if (i > 0) {
                        printf("\n");
                }
                r = r < 0 ? r : print_source(cli, element, error);
        }
        return r;
}
