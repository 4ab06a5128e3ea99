/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/removing.h"
#include "cli/stopping.h"
#include "cli/verbs.h"

struct delete_options {
        bool force;
        bool all;
};

static int take_force(const struct cli_option *option, const char *value, void *data,
                      struct machine_error *error)
{
        ((struct delete_options *)data)->force = true;
        return 0;
}

static int take_all(const struct cli_option *option, const char *value, void *data,
                    struct machine_error *error)
{
        ((struct delete_options *)data)->all = true;
        return 0;
}

static const struct cli_option options[] = {
        { 'f', "force", NULL, "stop a machine that runs", take_force },
        { 0, "all", NULL, "every machine that has a record", take_all },
        CLI_OPTIONS_END,
};

static int delete_machine(struct cli *cli, const struct state_store *store, const char *name,
                          void *data, struct machine_error *error)
{
        bool found = false;
        int r = cli_remove_machine(cli, store, name, &found, error);

        if (r == 0 && !found) {
                error_say(error, ENOENT, "there is nothing of a machine \"%s\" to delete", name);
                return error_kind(error, MACHINE_ERROR_NO_INPUT);
        }
        return r;
}

/* Stops those that run, all at the same time. One that cannot be stopped is told, and refused later
 * because it runs. */
static int stop_all(struct cli *cli, const struct verb *verb, char *const *arguments, bool all,
                    struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_strv_ char **names = NULL, **live = NULL;
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        int r = cli_open_store(cli, &store, error);

        if (r == 0) {
                r = cli_machine_names(verb, &store, arguments, all, &names, error);
        }
        if (r < 0) {
                return r;
        }
        STRV_FOREACH(name, names) {
                _cleanup_record_ struct machine_record record = { 0 };

                if (state_query(&store, *name, &record, NULL) == 0 &&
                    machine_state_is_live(record.state) && strv_append(&live, *name) < 0) {
                        return error_oom(error);
                }
        }
        if (live && cli_stop_machines(cli, &store, live, true, NULL, &failure) < 0) {
                log_error(&cli->log, &failure);
        }
        return 0;
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        struct delete_options given = { 0 };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        r = given.force ? stop_all(cli, verb, argv, given.all, error) : 0;
        return r < 0 ? r
                     : cli_for_each_machine(cli, verb, argv, given.all, delete_machine, NULL,
                                            error);
}

const struct verb verb_delete = {
        .name = "delete",
        .arguments = "M..",
        .summary = "remove all that machines have made and written",
        .options = options,
        .run = run,
};
