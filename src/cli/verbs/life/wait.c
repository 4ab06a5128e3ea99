/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/life/wait.h"
#include "cli/machines/machines.h"
#include "cli/machines/selection.h"
#include "cli/output/print.h"
#include "cli/verbs/verbs.h"

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
                return error_say(error, ENODATA, "the exit status of machine \"%s\" is not known",
                                 name);
        }
        if (cli->json != CLI_JSON_OFF) {
                return cli_print_json(
                        cli, json_pack("{s:s,s:i}", "name", name, "exit_status", last.exit_status),
                        error);
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
        return cli_for_each_machine(cli, verb, argv, &(struct cli_selection){ 0 }, wait_for_machine,
                                    NULL, error);
}

const struct verb verb_wait = {
        .name = "wait",
        .arguments = "M..",
        .summary = "wait for machines and print their exit status",
        .run = run_wait,
};
