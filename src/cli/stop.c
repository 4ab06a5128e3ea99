/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/machines.h"
#include "cli/starting.h"
#include "cli/stopping.h"
#include "cli/verbs.h"

struct stop_options {
        bool all;
        bool now;
};

static int take_all(const struct cli_option *option, const char *value, void *data,
                    struct machine_error *error)
{
        ((struct stop_options *)data)->all = true;
        return 0;
}

static int take_now(const struct cli_option *option, const char *value, void *data,
                    struct machine_error *error)
{
        ((struct stop_options *)data)->now = true;
        return 0;
}

static const struct cli_option options[] = {
        { 0, "all", NULL, "every machine that runs", take_all },
        { 0, "now", NULL, "do not wait for the grace period: kill", take_now },
        CLI_OPTIONS_END,
};

static int run_stop(struct cli *cli, const struct verb *verb, int argc, char **argv,
                    struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_strv_ char **names = NULL;
        struct stop_options given = { 0 };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        r = cli_open_store(cli, &store, error);
        if (r == 0) {
                r = cli_machine_names(verb, &store, argv, given.all, &names, error);
        }
        return r < 0 ? r : cli_stop_machines(cli, &store, names, given.now, NULL, error);
}

static int wait_for_machine(struct cli *cli, const struct state_store *store, const char *name,
                            void *data, struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 }, last = { 0 };
        int r = cli_find_machine(store, name, &record, error);

        if (r < 0) {
                return r;
        }
        if (machine_state_is_live(record.state)) {
                r = cli_wait_for_end(&record, error);
                if (r < 0) {
                        return r;
                }
        }
        r = state_query(store, name, &last, error);
        if (r < 0 && r != -ENOENT) {
                return r;
        }
        if (r == -ENOENT || last.exit_status < 0) {
                return error_say(error, ENODATA, "machine \"%s\" has ended without a known status",
                                 name);
        }
        printf("%d\n", last.exit_status);
        return 0;
}

static int run_wait(struct cli *cli, const struct verb *verb, int argc, char **argv,
                    struct machine_error *error)
{
        int r = cli_parse(cli, verb, NULL, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        return cli_for_each_machine(cli, verb, argv, false, wait_for_machine, NULL, error);
}

const struct verb verb_stop = {
        .name = "stop",
        .arguments = "M..",
        .summary = "stop machines",
        .options = options,
        .run = run_stop,
};

/* What a machine is started from again: the file that it was started from, in a unit its name, and
 * as the command line has it (may be NULL) where it is not known. NULL when memory is short. */
static char *start_argument(const struct state_store *store, const char *name, const char *given)
{
        _cleanup_record_ struct machine_record record = { 0 };

        if (state_query(store, name, &record, NULL) == -ENOENT && given) {
                return strdup(given);
        }
        return strdup(record.definition && !record.unit ? record.definition : name);
}

/* A machine of the command line alone is gone once it is stopped: restart leaves it. */
static int check_startable_again(const struct cli *cli, const struct state_store *store,
                                 const char *name, struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };

        if (state_query(store, name, &record, NULL) < 0 || record.definition || record.unit ||
            cli_has_definition(cli, name)) {
                return 0;
        }
        error_say(error, ENOENT, "machine \"%s\" has no definition to be started from again", name);
        error_hint(error, "stop it, and start it with the options that made it");
        return error_kind(error, MACHINE_ERROR_NO_INPUT);
}

/* Whether there is something of a machine to stop; what cannot be read is for the stop to tell. */
static bool has_record(const struct state_store *store, const char *name)
{
        _cleanup_record_ struct machine_record record = { 0 };

        return state_query(store, name, &record, NULL) != -ENOENT;
}

/* The names may stand for arguments (else those are none). */
static int restart(struct cli *cli, const struct state_store *store, char *const *names,
                   char *const *arguments, bool now, struct machine_error *error)
{
        static const struct cli_settings none = { 0 };
        _cleanup_strv_ char **known = NULL, **failed = NULL, **again = NULL;
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        int result, r;

        STRV_FOREACH(name, names) {
                r = check_startable_again(cli, store, *name, error);
                if (r < 0) {
                        return r;
                }
                if (has_record(store, *name) && strv_append(&known, *name) < 0) {
                        return error_oom(error);
                }
        }
        result = cli_stop_machines(cli, store, known, now, &failed, error);
        for (size_t i = 0; names && names[i]; i++) {
                if (!strv_contains(failed, names[i]) &&
                    strv_take(&again, start_argument(store, names[i],
                                                     *arguments ? arguments[i] : NULL)) < 0) {
                        return error_oom(error);
                }
        }
        r = again ? cli_start_machines(cli, again, &none, &failure) : 0;
        if (r < 0) {
                if (result < 0) {
                        log_error(&cli->log, error);
                }
                error_move(error, &failure);
                result = r;
        }
        return result;
}

static int run_restart(struct cli *cli, const struct verb *verb, int argc, char **argv,
                       struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_strv_ char **names = NULL;
        struct stop_options given = { 0 };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r == 0) {
                r = process_close_from(STDERR_FILENO + 1);
        }
        if (r != 0) {
                return r < 0 ? r : 0;
        }
        r = cli_open_store(cli, &store, error);
        if (r == 0) {
                r = cli_machine_names(verb, &store, argv, given.all, &names, error);
        }
        return r < 0 ? r : restart(cli, &store, names, argv, given.now, error);
}

const struct verb verb_restart = {
        .name = "restart",
        .arguments = "M..",
        .summary = "stop machines and start them again",
        .options = options,
        .run = run_restart,
};

const struct verb verb_wait = {
        .name = "wait",
        .arguments = "M..",
        .summary = "wait until machines end, print their exit status",
        .run = run_wait,
};
