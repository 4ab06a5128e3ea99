/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/copy.h"

#include <errno.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/machines.h"
#include "cli/verbs.h"

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv, bool into_machine,
               struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_record_ struct machine_record record = { 0 };
        _cleanup_close_ int init = -EBADF;
        _cleanup_free_ char *name = NULL;
        int r = cli_parse(cli, verb, NULL, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc != 3) {
                return cli_usage_error(verb, error, "it takes a machine, what to copy, and where");
        }
        r = cli_machine_name(verb, argv[0], &name, error);
        if (r == 0) {
                r = cli_open_store(cli, &store, error);
        }
        if (r == 0) {
                r = cli_find_running(&store, name, &record, &init, error);
        }
        if (r == 0) {
                const struct copy_request request = {
                        .record = &record,
                        .init = init,
                        .into_machine = into_machine,
                        .from = argv[1],
                        .to = argv[2],
                };

                r = launch_copy(&request, error);
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
        .run = run_to,
};

const struct verb verb_copy_from = {
        .name = "copy-from",
        .arguments = "M SOURCE TARGET",
        .summary = "copy a file or a directory out of a machine",
        .run = run_from,
};
