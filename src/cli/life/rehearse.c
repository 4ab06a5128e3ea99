/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/error.h"
#include "base/strings.h"
#include "cli/life/candidates.h"
#include "cli/life/start.h"

int cli_rehearse_machine(const struct cli *cli, struct machine *machine,
                         struct machine_error *error)
{
        const struct supervisor_options given = cli_supervisor_options(cli);
        const struct launch_options options = { .directories = given.directories };
        int r = launch_rehearse(machine, &options, error);

        if (r < 0) {
                error_prefix(error, "machine \"%s\" could not start again", machine->name);
        }
        return r;
}

static void rehearse(struct candidates *candidates, struct machine *machine)
{
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
        int r;

        /* A machine that is started together with it will be running by then. */
        if (machine->network.mode == MACHINE_NETWORK_MACHINE &&
            candidates_find(candidates, machine->network.target)) {
                machine->network.mode = MACHINE_NETWORK_NONE;
        }
        r = cli_rehearse_machine(candidates->cli, machine, &failure);
        if (r < 0) {
                candidates_fail(candidates, &failure, r);
        }
}

int cli_rehearse_machines(struct cli *cli, char *const *arguments,
                          const struct cli_settings *settings, struct machine_error *error)
{
        _cleanup_(candidates_clear) struct candidates candidates;
        int r = candidates_init(&candidates, cli, error);

        if (r < 0) {
                return r;
        }
        STRV_FOREACH(argument, arguments) {
                _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;

                r = candidates_add(&candidates, *argument, settings, &failure);
                if (r < 0) {
                        candidates_fail(&candidates, &failure, r);
                } else {
                        /* Rehearse it even if it is running. */
                        candidates.items[candidates.count - 1].progress = WAITING;
                }
        }
        candidates_add_required(&candidates, settings);
        candidates_tell_findings(&candidates);
        r = candidates_enter_user(&candidates, error);
        if (r < 0) {
                return r;
        }
        for (size_t i = 0; i < candidates.count; i++) {
                if (candidates.items[i].progress == WAITING) {
                        rehearse(&candidates, candidates.items[i].machine);
                }
        }
        return candidates.result;
}
