/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "cli/life/update.h"
#include "cli/machines/definition.h"
#include "cli/machines/machines.h"
#include "cli/machines/selection.h"
#include "cli/output/print.h"
#include "cli/output/table.h"
#include "cli/verbs/verbs.h"

struct update_options {
        struct cli_selection selection;
        bool plan;
        bool automatic;
        bool force;
};

static const struct cli_option options[] = {
        { 0, "auto", NULL, "only machines with update = \"auto\"",
          CLI_FLAG(struct update_options, automatic) },
        { 0, "force", NULL, "try images again that have failed",
          CLI_FLAG(struct update_options, force) },
        CLI_LABEL_OPTION(struct update_options, selection.labels),
        { 0, "plan", NULL, "only print what would happen", CLI_FLAG(struct update_options, plan) },
        CLI_OPTIONS_END,
};

struct updates {
        struct update *items;
        size_t count;
};

static void updates_clear(struct updates *updates)
{
        for (size_t i = 0; i < updates->count; i++) {
                update_clear(&updates->items[i]);
        }
        free(updates->items);
}

/* ---- Output ---- */

static const char *shown(const char *text)
{
        return text && *text ? text : "-";
}

/* "sha256:" and enough digits to tell digests apart. */
static int add_digest(struct table *table, const char *digest)
{
        _cleanup_free_ char *cut = strndup(shown(digest), strlen("sha256:") + 12);

        return cut ? table_add(table, cut) : -ENOMEM;
}

static int print_table(const struct cli *cli, const struct updates *updates,
                       struct machine_error *error)
{
        static const char *const headings[] = { "UPDATE", "MACHINE", "IMAGE",  "OLD",
                                                "NEW",    "CREATED", "REASON", NULL };
        _cleanup_table_ struct table table = { 0 };
        int r = table_start(&table, headings);

        for (size_t i = 0; r == 0 && i < updates->count; i++) {
                const struct update *update = &updates->items[i];
                _cleanup_free_ char *created = string_printable(shown(update->created));

                r = !created || table_add(&table, update_word_name(update->word)) < 0 ||
                                    table_add(&table, update->name) < 0 ||
                                    table_add(&table, shown(update->reference)) < 0 ||
                                    add_digest(&table, update->old_digest) < 0 ||
                                    add_digest(&table, update->new_digest) < 0 ||
                                    table_add(&table, created) < 0 ||
                                    table_add(&table, shown(update->reason)) < 0
                            ? -ENOMEM
                            : 0;
        }
        if (r < 0) {
                return error_oom(error);
        }
        table_print(&table, cli->legend, cli->colour);
        return 0;
}

static json_t *describe(const struct update *update)
{
        _cleanup_json_ json_t *object = json_object();

        if (json_set_string(object, "name", update->name) < 0 ||
            json_set_string(object, "update", update_word_name(update->word)) < 0 ||
            json_set_string(object, "reason", update->reason) < 0 ||
            json_set_string(object, "image", update->reference) < 0 ||
            json_set_string(object, "old_id", update->old_id) < 0 ||
            json_set_string(object, "new_id", update->new_id) < 0 ||
            json_set_string(object, "old_digest", update->old_digest) < 0 ||
            json_set_string(object, "new_digest", update->new_digest) < 0 ||
            json_set_string(object, "created", update->created) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

static int print(const struct cli *cli, const struct updates *updates, struct machine_error *error)
{
        _cleanup_json_ json_t *list = json_array();

        if (cli->json == CLI_JSON_OFF) {
                return updates->count > 0 ? print_table(cli, updates, error) : 0;
        }
        for (size_t i = 0; i < updates->count; i++) {
                if (json_array_append_new(list, describe(&updates->items[i])) < 0) {
                        return error_oom(error);
                }
        }
        return cli_print_json(cli, TAKE_PTR(list), error);
}

/* ---- The work ---- */

static bool wants_updates(const struct cli *cli, const char *name)
{
        struct machine *machine = cli_load_silently(cli, name);
        bool wanted = machine && machine->root.update == MACHINE_UPDATE_AUTO;

        machine_free(machine);
        return wanted;
}

/* A failure of one machine does not keep others from being updated. */
static int update_one(struct cli *cli, const struct state_store *store, const char *name,
                      const struct update_options *given, struct update *update,
                      struct machine_error *error)
{
        int r = update_find(cli, store, name, given->force, update, error);

        return r == 0 && update->word == UPDATE_PENDING && !given->plan
                       ? update_carry_out(cli, store, update, error)
                       : r;
}

static int update_all(struct cli *cli, const struct state_store *store, char *const *names,
                      const struct update_options *given, struct updates *updates,
                      struct machine_error *error)
{
        int result = 0;

        updates->items = calloc(strv_length(names) + 1, sizeof *updates->items);
        if (!updates->items) {
                return error_oom(error);
        }
        STRV_FOREACH(name, names) {
                struct update *update = &updates->items[updates->count];
                int r;

                if (given->automatic && !wants_updates(cli, *name)) {
                        continue;
                }
                updates->count++;
                if (result < 0) {
                        log_error(&cli->log, error);
                        machine_error_clear(error);
                }
                r = update_one(cli, store, *name, given, update, error);
                if (r < 0) {
                        update->word = UPDATE_FAILED;
                        (void)string_replace(&update->reason, error->message);
                        result = r;
                }
        }
        return result;
}

static int conclude(const struct updates *updates, struct machine_error *error)
{
        size_t failed = 0;

        for (size_t i = 0; i < updates->count; i++) {
                failed += updates->items[i].word == UPDATE_FAILED ||
                          updates->items[i].word == UPDATE_BACK;
        }
        return failed == 0 ? 0
                           : error_say(error, EIO, "%zu of %zu machines could not be updated",
                                       failed, updates->count);
}

static int run_update(struct cli *cli, const struct verb *verb, int argc, char **argv,
                      struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        _cleanup_strv_ char **names = NULL;
        struct update_options given = { 0 };
        struct updates updates = { 0 };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error), result;

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        given.selection.all = argc == 0 && !given.selection.labels[0];
        r = cli_choose_machines(cli, verb, argv, &given.selection, &store, &names, error);
        if (r < 0) {
                return r;
        }
        result = update_all(cli, &store, names, &given, &updates, error);
        r = print(cli, &updates, result < 0 ? &failure : error);
        if (r == 0 && result == 0) {
                r = conclude(&updates, error);
        }
        updates_clear(&updates);
        return result < 0 ? result : r;
}

const struct verb verb_update = {
        .name = "update",
        .arguments = "[M..]",
        .summary = "restart machines whose images are outdated",
        .options = options,
        .run = run_update,
};
