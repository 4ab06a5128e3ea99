/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/enter/copy.h"
#include "cli/machines/user.h"

#include <errno.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/machines/definition.h"
#include "cli/machines/machines.h"
#include "cli/verbs/verbs.h"

static const struct cli_option options[] = {
        { 'a', "archive", NULL, "keep owners, times, hard links, attributes",
          CLI_FLAG(struct copy_request, archive) },
        CLI_OPTIONS_END,
};

/* argument is what the command line calls it by, a name or a file. */
static int copy_stopped(struct cli *cli, const char *argument, const struct machine_record *record,
                        const struct copy_request *request, struct machine_error *error)
{
        static const struct cli_settings none = { 0 };
        const struct launch_options launch_options = {
                .directories = { cli->directories.runtime, cli->directories.state,
                                 cli->directories.config_path },
                .log = &cli->log,
        };
        struct machine *machine = NULL;
        int r = cli_load_to_start(cli, record->definition ? record->definition : argument, &none,
                                  &machine, error);

        if (r == 0) {
                r = cli_enter_user_for(cli, machine, error);
        }
        if (r == 0) {
                r = launch_copy_stopped(request, machine, &launch_options, error);
        }
        machine_free(machine);
        return r;
}

static int copy(struct cli *cli, const char *argument, const char *name,
                const struct copy_request *request, struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_record_ struct machine_record record = { 0 }, running = { 0 };
        _cleanup_close_ int init = -EBADF;
        int r = cli_open_store(cli, &store, error);

        if (r == 0) {
                r = state_query(&store, name, &record, error);
        }
        if (r == -ENOENT || (r == 0 && !machine_state_is_live(record.state))) {
                return copy_stopped(cli, argument, &record, request, error);
        }
        if (r == 0) {
                r = cli_find_running(&store, name, &running, &init, error);
        }
        if (r == 0) {
                r = cli_enter_user_of(cli, &running, error);
        }
        return r < 0 ? r : launch_copy(request, &running, init, error);
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv, bool into_machine,
               struct machine_error *error)
{
        struct copy_request request = { .into_machine = into_machine };
        _cleanup_free_ char *name = NULL;
        int r = cli_parse(cli, verb, &request, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc != 3) {
                return cli_usage_error(verb, error, "expected a machine, a source and a target");
        }
        request.from = argv[1];
        request.to = argv[2];
        r = cli_machine_name(cli, verb, argv[0], &name, error);
        if (r == 0) {
                r = copy(cli, argv[0], name, &request, error);
                if (r < 0) {
                        error_prefix(error, "cannot copy \"%s\" %s machine \"%s\" to \"%s\"",
                                     argv[1], into_machine ? "into" : "out of", name, argv[2]);
                }
        }
        return r;
}

static int run_to(struct cli *cli, const struct verb *verb, int argc, char **argv,
                  struct machine_error *error)
{
        return run(cli, verb, argc, argv, true, error);
}

static int run_from(struct cli *cli, const struct verb *verb, int argc, char **argv,
                    struct machine_error *error)
{
        return run(cli, verb, argc, argv, false, error);
}

const struct verb verb_copy_to = {
        .name = "copy-to",
        .arguments = "M SOURCE TARGET",
        .summary = "copy a file or a directory into a machine",
        .options = options,
        .run = run_to,
};

const struct verb verb_copy_from = {
        .name = "copy-from",
        .arguments = "M SOURCE TARGET",
        .summary = "copy a file or a directory out of a machine",
        .options = options,
        .run = run_from,
};
