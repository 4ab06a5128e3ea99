/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verbs pause and resume: the freezer of the machine's control group. */
#include "base/error.h"
#include "cli/machines/locked_machine.h"
#include "cli/machines/selection.h"
#include "cli/verbs/verbs.h"

/* A process in uninterruptible sleep, mostly waiting for a disk, freezes only when it wakes up. */
#define FREEZE_TIMEOUT UINT64_C(5000000)

struct pause_options {
        struct cli_selection selection;
        bool pause; /* else resume */
};

static const struct cli_option options[] = {
        { 0, "all", NULL, "all running machines", CLI_FLAG(struct pause_options, selection.all) },
        CLI_LABEL_OPTION(struct pause_options, selection.labels),
        CLI_OPTIONS_END,
};

static int pause_machine(struct cli *cli, const struct state_store *store, const char *name,
                         void *data, struct machine_error *error)
{
        const struct pause_options *given = data;
        _cleanup_locked_machine_ struct locked_machine machine = LOCKED_MACHINE_INIT;
        enum machine_state wanted = given->pause ? MACHINE_STATE_PAUSED : MACHINE_STATE_RUNNING;
        int r = cli_lock_machine(store, name, &machine, error);

        if (r == 0) {
                r = cgroup_freeze(&machine.group, given->pause, FREEZE_TIMEOUT, error);
        }
        if (r < 0 || machine.record.state == wanted) {
                return r;
        }
        machine.record.state = wanted;
        return state_save(store, &machine.record, error);
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv, bool pause,
               struct machine_error *error)
{
        struct pause_options given = { .pause = pause };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        return cli_for_each_machine(cli, verb, argv, &given.selection, pause_machine, &given,
                                    error);
}

static int run_pause(struct cli *cli, const struct verb *verb, int argc, char **argv,
                     struct machine_error *error)
{
        return run(cli, verb, argc, argv, true, error);
}

static int run_resume(struct cli *cli, const struct verb *verb, int argc, char **argv,
                      struct machine_error *error)
{
        return run(cli, verb, argc, argv, false, error);
}

const struct verb verb_pause = {
        .name = "pause",
        .arguments = "M..",
        .summary = "freeze all processes of machines",
        .options = options,
        .run = run_pause,
};

const struct verb verb_resume = {
        .name = "resume",
        .arguments = "M..",
        .summary = "resume paused machines",
        .options = options,
        .run = run_resume,
};
