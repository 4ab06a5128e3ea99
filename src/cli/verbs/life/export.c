/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/machines/definition.h"
#include "cli/machines/own.h"
#include "cli/machines/user.h"
#include "cli/newcomers/exporting.h"
#include "cli/verbs/verbs.h"

struct export_options {
        const char *to;
        bool pause;
};

static int take_to(const struct cli_option *option, const char *value, void *data,
                   struct machine_error *error)
{
        ((struct export_options *)data)->to = value;
        return 0;
}

static const struct cli_option options[] = {
        { 'o', "to", "FILE", "write to a file (default: standard output)", take_to },
        { 0, "pause", NULL, "pause a running machine meanwhile",
          CLI_FLAG(struct export_options, pause) },
        CLI_OPTIONS_END,
};

/* ---- The machine ---- */

static int change(struct exporting *exporting, const char *verb, struct machine_error *error)
{
        const char *const arguments[] = { verb, exporting->source.name, NULL };
        int r = cli_run_own(exporting->cli, arguments, NULL, error);

        return r > 0 ? error_say(error, EIO, "cannot %s machine \"%s\"", verb,
                                 exporting->source.name)
                     : r;
}

/* A running one is frozen, and has its own lock on everything it writes to. 1 if it does not run.
 */
static int pause_running(struct exporting *exporting, const struct verb *verb, const char *argument,
                         struct machine_error *error)
{
        struct predecessor *source = &exporting->source;
        _cleanup_record_ struct machine_record record = { 0 };
        int r = cli_machine_name(exporting->cli, verb, argument, &source->name, error);

        r = r < 0 ? r : cli_open_store(exporting->cli, &source->store, error);
        r = r < 0 ? r : state_query(&source->store, source->name, &record, error);
        if (r == -ENOENT || (r == 0 && record.state != MACHINE_STATE_RUNNING)) {
                predecessor_close(source);
                return 1;
        }
        r = r < 0 ? r : change(exporting, "pause", error);
        if (r == 0) {
                exporting->paused = true;
                (void)cli_find_definition(exporting->cli, argument, &source->definition);
        }
        return r;
}

static int find(struct exporting *exporting, const struct verb *verb, const char *argument,
                bool pause, struct machine_error *error)
{
        int r = pause ? pause_running(exporting, verb, argument, error) : 1;

        if (r == 1) {
                r = predecessor_open(exporting->cli, verb, argument, NULL, &exporting->source,
                                     error);
                if (r == -EBUSY) {
                        error_hint(error, "stop it first, or use --pause");
                }
        }
        return r < 0 ? r : predecessor_check(exporting->cli, &exporting->source, true, error);
}

static int export_machine(struct exporting *exporting, const struct verb *verb,
                          const char *argument, const struct export_options *given,
                          struct machine_error *error)
{
        const struct cli_settings none = { 0 };
        const char *to = given->to ? given->to : "-";
        int r;

        if (strcmp(to, "-") == 0 && isatty(STDOUT_FILENO)) {
                error_say(error, EINVAL, "refusing to write an archive to a terminal");
                error_hint(error, "use --to FILE, or a pipe");
                return -EINVAL;
        }
        r = find(exporting, verb, argument, given->pause, error);
        r = r < 0 ? r
                  : cli_load_definition(exporting->cli, argument, &none, &exporting->machine,
                                        error);
        r = r < 0 ? r : cli_enter_user_for(exporting->cli, exporting->machine, error);
        r = r < 0 ? r : exporting_begin(exporting, error);
        r = r < 0 ? r : exporting_take_layer(exporting, error);
        r = r < 0 ? r : exporting_take_volumes(exporting, error);
        r = r < 0 ? r : exporting_write(exporting, to, error);
        if (exporting->paused) {
                _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;

                if (change(exporting, "resume", &failure) < 0) {
                        log_error(&exporting->cli->log, &failure);
                }
        }
        return r;
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        struct exporting exporting = EXPORTING_INIT;
        struct export_options given = { 0 };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc != 1) {
                return cli_usage_error(verb, error, "expected one machine");
        }
        exporting.cli = cli;
        r = export_machine(&exporting, verb, argv[0], &given, error);
        exporting_clear(&exporting);
        return r;
}

const struct verb verb_export = {
        .name = "export",
        .arguments = "M",
        .summary = "archive a machine, to move it or back it up",
        .options = options,
        .run = run,
};
