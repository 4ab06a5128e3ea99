/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/life/transient.h"
#include "cli/machines/machines.h"
#include "cli/machines/selection.h"
#include "cli/machines/user.h"
#include "cli/verbs/verbs.h"
#include "launch/launch.h"
#include "network/network.h"
#include "state/volumes.h"

/* Takes the machine's lock, so that a start in progress is not mistaken for a crashed one. */
static int collect_machine(struct cli *cli, const struct state_store *store, const char *name,
                           void *data, struct machine_error *error)
{
        const struct launch_directories directories = cli_launch_directories(cli);
        _cleanup_record_ struct machine_record record = { 0 };
        _cleanup_close_ int lock = state_lock(store, name, error);
        int r = lock < 0 ? lock : state_load(store, name, &record, error);

        /* Deleted while waiting for the lock, which has recreated the file of the lock. */
        if (r == -ENOENT) {
                return state_remove(store, name, error);
        }
        if (r == 0 &&
            (!machine_state_is_live(record.state) || process_is_alive(&record.supervisor))) {
                return 0;
        }
        return r < 0 ? r : launch_collect(&directories, store, &record, &cli->log, error);
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        static char *const none[] = { NULL };
        int r = cli_parse(cli, verb, NULL, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc > 0) {
                return cli_usage_error(verb, error, "unexpected argument \"%s\"", argv[0]);
        }
        r = cli_enter_user(cli, error);
        if (r == 0) {
                r = cli_collect_transient(cli, error);
        }
        if (r == 0) {
                r = cli_for_each_machine(cli, verb, none,
                                         &(struct cli_selection){ CLI_KNOWN, .all = true },
                                         collect_machine, NULL, error);
        }
        volume_collect(cli->directories.state);
        return r == 0 ? network_collect(cli->directories.runtime, true, error) : r;
}

const struct verb verb_collect = {
        .name = "collect",
        .arguments = "",
        .summary = "clean up after crashed starts",
        .run = run,
};
