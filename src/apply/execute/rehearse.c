/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "apply/execute/execute.h"
#include "base/error.h"
#include "base/strings.h"

/* Whether a machine will have ended, or begun, by the time that the other one starts. */
static bool is_moved(const struct plan *plan, const char *name)
{
        const struct plan_item *item = plan_find(plan, name);

        return item && (item->word == PLAN_RESTART || item->word == PLAN_START);
}

/* Ports and addresses may be given up by another machine of the plan; those of all machines have
 * been compared with each other. */
static void leave_out_network(const struct plan *plan, const struct plan_item *item,
                              struct machine *machine)
{
        if (machine->network.mode == MACHINE_NETWORK_MACHINE
                    ? is_moved(plan, machine->network.target)
                    : item->live && (item->joins_anew || item->word != PLAN_RESTART)) {
                machine->network.mode = MACHINE_NETWORK_NONE;
                machine->network.port_count = 0;
        }
}

/* What a tree of definitions says does not concern the whole host. */
static int check_corruption(const struct machine *machine, struct machine_error *error)
{
        if (machine->root.verity.on_corruption == MACHINE_CORRUPTION_IO_ERROR) {
                return 0;
        }
        error_say(error, EPERM,
                  "\"verity.on_corruption\" allows a changed block of its image to end the whole "
                  "host");
        error_hint(error, "use \"io-error\", or start it with: machinectl-lite start --force");
        return -EPERM;
}

static int rehearse(const struct execute_request *request, const struct view *view,
                    const struct plan_item *item, struct machine_error *error)
{
        const struct launch_options options = {
                .directories = { request->host->directories.runtime,
                                 request->host->directories.state, view->directories },
                .current_image = item->image_changed,
        };
        struct machine *machine = NULL;
        int r = view_load_machine(view, item->name, &machine, error);

        if (r == 0) {
                r = check_corruption(machine, error);
        }
        if (r == 0) {
                leave_out_network(request->plan, item, machine);
                r = launch_rehearse(machine, &options, error);
        }
        machine_free(machine);
        return r;
}

/* Limits that this host cannot set would fail while the machine runs. */
static bool needs_rehearsal(const struct plan_item *item)
{
        return item->word == PLAN_RESTART || item->word == PLAN_START ||
               (plan_acts(item) && item->limits);
}

int execute_rehearse(const struct execute_request *request, const struct view *view,
                     char ***failures, struct machine_error *error)
{
        const struct plan *plan = request->plan;

        for (size_t i = 0; i < plan->count; i++) {
                _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
                const struct plan_item *item = &plan->items[i];

                if (!needs_rehearsal(item)) {
                        continue;
                }
                log_debug(request->host->log, "rehearsing %s", item->name);
                if (rehearse(request, view, item, &failure) < 0 &&
                    strv_take(failures,
                              string_format("machine \"%s\" could not start: %s%s%s", item->name,
                                            failure.message, failure.hint ? "; " : "",
                                            failure.hint ? failure.hint : "")) < 0) {
                        return error_oom(error);
                }
        }
        return 0;
}
