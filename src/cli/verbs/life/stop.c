/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/life/stop.h"
#include <errno.h>

#include "base/strings.h"
#include "cli/machines/machines.h"
#include "cli/machines/selection.h"
#include "cli/verbs/verbs.h"

struct stop_options {
        struct cli_selection selection;
        bool now;
};

static const struct cli_option options[] = {
        { 0, "all", NULL, "all running machines", CLI_FLAG(struct stop_options, selection.all) },
        CLI_LABEL_OPTION(struct stop_options, selection.labels),
        { 0, "now", NULL, "kill immediately", CLI_FLAG(struct stop_options, now) },
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
        r = cli_choose_machines(cli, verb, argv, &given.selection, &store, &names, error);
        if (r == 0) {
                r = cli_add_dependents(cli, &store, &names, error);
        }
        return r < 0 ? r : cli_stop_machines(cli, &store, names, given.now, NULL, error);
}

const struct verb verb_stop = {
        .name = "stop",
        .arguments = "M..",
        .summary = "stop machines",
        .options = options,
        .run = run_stop,
};
