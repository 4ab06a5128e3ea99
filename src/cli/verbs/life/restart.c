/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <unistd.h>

#include "base/error.h"
#include "base/path.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "cli/life/start.h"
#include "cli/life/stop.h"
#include "cli/machines/definition.h"
#include "cli/machines/machines.h"
#include "cli/machines/selection.h"
#include "cli/verbs/verbs.h"

struct restart_options {
        struct cli_settings settings; /* first, for cli_take_trust() */
        struct cli_selection selection;
        bool now;
        bool dry_run;
};

static const struct cli_option options[] = {
        { 0, "all", NULL, "all running machines", CLI_FLAG(struct restart_options, selection.all) },
        CLI_LABEL_OPTION(struct restart_options, selection.labels),
        { 0, "dry-run", NULL, "only check that the machines can start again",
          CLI_FLAG(struct restart_options, dry_run) },
        { 0, "now", NULL, "kill immediately", CLI_FLAG(struct restart_options, now) },
        CLI_FORCE_OPTION,
        CLI_TRUST_OPTION,
        CLI_OPTIONS_END,
};

/* Returns the argument to start a machine again: its definition or, in a unit or from a stored
 * tree, whose revision may be an old one, its name; without a record, the given argument, which may
 * be NULL. Returns NULL if out of memory. */
static char *start_argument(const struct cli *cli, const struct state_store *store,
                            const char *name, const char *given)
{
        _cleanup_record_ struct machine_record record = { 0 };

        if (state_query(store, name, &record, NULL) == -ENOENT && given) {
                return strdup(given);
        }
        if (!record.definition || record.unit ||
            path_is_below(record.definition, cli->directories.stored)) {
                return strdup(name);
        }
        return strdup(record.definition);
}

/* A machine defined only on the command line cannot be started again after it was stopped. */
static int check_startable_again(const struct cli *cli, const struct state_store *store,
                                 const char *name, struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };

        if (state_query(store, name, &record, NULL) < 0 || record.definition || record.unit ||
            cli_has_definition(cli, name)) {
                return 0;
        }
        error_say(error, ENOENT, "machine \"%s\" has no definition to start it from again", name);
        error_hint(error, "stop it, and start it with its original options");
        return error_kind(error, MACHINE_ERROR_NO_INPUT);
}

/* Returns whether there is something to stop. Unreadable records are reported by the stop. */
static bool has_record(const struct state_store *store, const char *name)
{
        _cleanup_record_ struct machine_record record = { 0 };

        return state_query(store, name, &record, NULL) != -ENOENT;
}

/* Lists the machines to stop and the arguments to start them, in the order of the names. arguments
 * is empty with --all. */
static int plan_restart(struct cli *cli, const struct state_store *store, char *const *names,
                        char *const *arguments, char ***known, char ***again,
                        struct machine_error *error)
{
        for (size_t i = 0; names && names[i]; i++) {
                int r = check_startable_again(cli, store, names[i], error);

                if (r < 0) {
                        return r;
                }
                if ((has_record(store, names[i]) && strv_append(known, names[i]) < 0) ||
                    strv_take(again, start_argument(cli, store, names[i],
                                                    *arguments ? arguments[i] : NULL)) < 0) {
                        return error_oom(error);
                }
        }
        return 0;
}

/* Starts the machines that were stopped without a failure. */
static int start_stopped(struct cli *cli, char *const *names, char *const *failed,
                         char *const *again, const struct cli_settings *settings,
                         struct machine_error *error)
{
        _cleanup_strv_ char **stopped = NULL;

        for (size_t i = 0; names && names[i]; i++) {
                if (!strv_contains(failed, names[i]) && strv_append(&stopped, again[i]) < 0) {
                        return error_oom(error);
                }
        }
        return stopped ? cli_start_machines(cli, stopped, settings, error) : 0;
}

/* Stops nothing unless all machines can start again. */
static int restart(struct cli *cli, const struct state_store *store, char *const *names,
                   char *const *arguments, const struct restart_options *given,
                   struct machine_error *error)
{
        _cleanup_strv_ char **known = NULL, **failed = NULL, **again = NULL;
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        int result = plan_restart(cli, store, names, arguments, &known, &again, error), r;

        if (result == 0) {
                result = cli_rehearse_machines(cli, again, &given->settings, error);
        }
        if (result < 0 || given->dry_run) {
                return result;
        }
        result = cli_stop_machines(cli, store, known, given->now, &failed, error);
        r = start_stopped(cli, names, failed, again, &given->settings, &failure);
        if (r < 0) {
                log_replace_failure(&cli->log, &result, error, r, &failure);
        }
        return result;
}

static int run_restart(struct cli *cli, const struct verb *verb, int argc, char **argv,
                       struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_strv_ char **names = NULL;
        struct restart_options given = { 0 };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r == 0) {
                r = process_close_from(STDERR_FILENO + 1);
        }
        if (r != 0) {
                return r < 0 ? r : 0;
        }
        r = cli_choose_machines(cli, verb, argv, &given.selection, &store, &names, error);
        return r < 0 ? r : restart(cli, &store, names, argv, &given, error);
}

const struct verb verb_restart = {
        .name = "restart",
        .arguments = "M..",
        .summary = "stop machines and start them again",
        .options = options,
        .run = run_restart,
};
