/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/attach.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/machines/machines.h"
#include "cli/verbs/verbs.h"

static int take_keys(const struct cli_option *option, const char *value, void *data,
                     struct machine_error *error)
{
        return keys_parse(value, data) < 0
                       ? error_say(error, EINVAL,
                                   "--detach-keys=%s: expected up to %d letters or ctrl-LETTER, "
                                   "as in ctrl-p,ctrl-q",
                                   value, KEYS_MAXIMUM)
                       : 0;
}

static const struct cli_option options[] = {
        { 0, "detach-keys", "KEYS", "detach by these: ctrl-p,ctrl-q", take_keys },
        CLI_OPTIONS_END,
};

static int refuse(const struct machine_record *record, struct machine_error *error)
{
        if (!record->background) {
                error_say(error, ENOTTY,
                          "machine \"%s\" runs in the foreground, on the terminal of "
                          "its \"run\"",
                          record->name);
                return -ENOTTY;
        }
        error_say(error, ENOTTY, "machine \"%s\" has no terminal to attach to", record->name);
        error_hint(
                error,
                "\"machinectl-lite logs --follow %s\" shows its output, \"shell\" opens a shell in "
                "it; it gets a terminal by \"terminal = true\" in its definition",
                record->name);
        return -ENOTTY;
}

#define END_ROUNDS     500
#define END_ROUND_NSEC 10000000

/* The connection ends before the end of the run is on record. */
static int await_end(const struct state_store *store, const struct machine_record *before,
                     struct machine_record *ret, struct machine_error *error)
{
        static const struct timespec pause = { .tv_nsec = END_ROUND_NSEC };
        int r = 0;

        for (int round = 0; r == 0 && round < END_ROUNDS; round++) {
                machine_record_clear(ret);
                r = state_query(store, before->name, ret, error);
                if (r == 0 &&
                    (!machine_state_is_live(ret->state) || ret->state == MACHINE_STATE_STARTING ||
                     ret->init.pid != before->init.pid)) {
                        return 0;
                }
                (void)nanosleep(&pause, NULL);
        }
        if (r == 0) {
                error_say(error, ECONNRESET,
                          "disconnected from machine \"%s\", which runs on: "
                          "this terminal took no output for ten seconds",
                          before->name);
                r = -ECONNRESET;
        }
        return r;
}

/* The exit status of a machine that has ended while one was attached, as that of `run`. */
static int end(struct cli *cli, const struct state_store *store,
               const struct machine_record *before, struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };
        int r = await_end(store, before, &record, error);

        if (r == -ENOENT) {
                return 0; /* it was deleted */
        }
        if (r < 0) {
                return r;
        }
        if (machine_state_is_live(record.state)) {
                log_notice(&cli->log, "this run of machine \"%s\" has ended; it is %s", record.name,
                           machine_state_name(record.state));
                return 0;
        }
        return record.exit_status < 0 ? 0 : record.exit_status;
}

static int attach(struct cli *cli, const char *name, struct keys *keys, struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_record_ struct machine_record record = { 0 };
        int r = cli_open_store(cli, &store, error);

        if (r == 0) {
                r = cli_find_running(&store, name, &record, NULL, error);
        }
        if (r == 0) {
                r = cli_refuse_paused(&record, error);
        }
        if (r < 0) {
                return r;
        }
        if (isatty(STDIN_FILENO) && !keys->hold) {
                log_notice(&cli->log,
                           "attached to machine \"%s\"; press Ctrl-] three times within "
                           "one second to detach",
                           name);
        }
        r = attach_to_terminal(&store, name, keys, error);
        if (r == -ENOENT) {
                return refuse(&record, error);
        }
        if (r == ATTACH_DETACHED) {
                log_notice(&cli->log, "\ndetached from machine \"%s\", which runs on", name);
                return 0;
        }
        return r == ATTACH_ENDED ? end(cli, &store, &record, error) : r;
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        struct keys keys = keys_usual();
        _cleanup_free_ char *name = NULL;
        int r = cli_parse(cli, verb, &keys, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc != 1) {
                return cli_usage_error(verb, error, "expected one machine");
        }
        r = cli_machine_name(cli, verb, argv[0], &name, error);
        return r < 0 ? r : attach(cli, name, &keys, error);
}

const struct verb verb_attach = {
        .name = "attach",
        .arguments = "M",
        .summary = "connect to the terminal of a machine",
        .options = options,
        .run = run,
        .failure_status = 125,
};
