/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/top/top.h"

#include <stddef.h>

#include "base/error.h"
#include "cli/common/interval.h"
#include "cli/machines/selection.h"
#include "cli/verbs/verbs.h"

struct top_options {
        struct cli_selection selection;
        bool all;
        uint64_t interval;
        const struct order *order;
};

static int take_order(const struct cli_option *option, const char *value, void *data,
                      struct machine_error *error)
{
        const struct order *order = order_by_name(value);

        if (!order) {
                return error_say(error, EINVAL,
                                 "--sort=%s: expected cpu, memory, name, disks, tasks, waiting or "
                                 "restarts",
                                 value);
        }
        ((struct top_options *)data)->order = order;
        return 0;
}

static const struct cli_option options[] = {
        { 'a', "all", NULL, "include machines that do not run", CLI_FLAG(struct top_options, all) },
        CLI_INTERVAL_OPTION(struct top_options, interval),
        { 's', "sort", "FIGURE", "cpu, memory, name, disks, tasks, waiting..", take_order },
        CLI_LABEL_OPTION(struct top_options, selection.labels),
        CLI_OPTIONS_END,
};

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        struct top_options given = { .interval = CLI_INTERVAL_DEFAULT, .order = top_orders };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (cli->json != CLI_JSON_OFF) {
                cli_usage_error(verb, error, "--json is for output that programs read");
                error_hint(error, "\"machinectl-lite stats --json\" prints the same figures");
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        return top_run(cli,
                       &(struct top_settings){
                               .arrangement = { .patterns = argv,
                                                .labels = given.selection.labels,
                                                .all = given.all,
                                                .order = given.order },
                               .interval = given.interval,
                       },
                       error);
}

const struct verb verb_top = {
        .name = "top",
        .arguments = "[PATTERN..]",
        .summary = "show machines on the whole screen",
        .options = options,
        .run = run,
};
