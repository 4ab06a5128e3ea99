/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/machines.h"
#include "cli/starting.h"
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

static int stop_machine(struct cli *cli, const struct state_store *store, const char *name,
                        void *data, struct machine_error *error)
{
        return cli_stop_machine(store, name, ((const struct stop_options *)data)->now, error);
}

static int run_stop(struct cli *cli, const struct verb *verb, int argc, char **argv,
                    struct machine_error *error)
{
        struct stop_options given = { 0 };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        return cli_for_each_machine(cli, verb, argv, given.all, stop_machine, &given, error);
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

/* Stops and starts again, from the definition that the machine was started with. */
static int restart_machine(struct cli *cli, const struct state_store *store, const char *name,
                           void *data, struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };
        static const struct cli_settings none = { 0 };
        char *argument[] = { (char *)name, NULL };
        int r = state_query(store, name, &record, error);

        if (r < 0 && r != -ENOENT) {
                return r;
        }
        if (r == 0) {
                r = cli_stop_machine(store, name, ((const struct stop_options *)data)->now, error);
                if (r < 0) {
                        return r;
                }
        }
        /* In a unit it is found by name; else the file is the one it was started from. */
        if (record.definition && !record.unit) {
                argument[0] = record.definition;
        }
        return cli_start_machines(cli, argument, &none, error);
}

static int run_restart(struct cli *cli, const struct verb *verb, int argc, char **argv,
                       struct machine_error *error)
{
        struct stop_options given = { 0 };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r == 0) {
                r = process_close_from(STDERR_FILENO + 1);
        }
        if (r != 0) {
                return r < 0 ? r : 0;
        }
        return cli_for_each_machine(cli, verb, argv, given.all, restart_machine, &given, error);
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
