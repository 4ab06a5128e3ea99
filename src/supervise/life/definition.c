/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/life/definition.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/snapshot.h"
#include "supervise/life/health_action.h"
#include "supervise/life/reload.h"
#include "supervise/watch/health.h"

static void take_definition(struct supervisor *supervisor, struct machine *next)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        bool health = reload_changes_health(supervisor->machine, next);

        if (health) {
                health_free(TAKE_PTR(supervisor->health));
        }
        reload_take(supervisor->machine, next);
        if (health && supervisor->launch && supervisor_start_health(supervisor, &error) < 0) {
                supervisor_say(supervisor, "machinectl-lite: %s", error.message);
        }
}

/* The definition was replaced by one that needs no restart. */
void supervisor_follow_definition(struct supervisor *supervisor)
{
        struct machine *next = NULL;
        char *snapshot = NULL;
        int r = reload_read(supervisor->options->directories.runtime, supervisor->machine->name,
                            supervisor->snapshot, &next, &snapshot);

        if (r <= 0 || config_digest(next, supervisor->digest) < 0) {
                if (r < 0 && r != -ENOENT) {
                        supervisor_say(supervisor,
                                       "machinectl-lite: cannot read the changed definition: %s",
                                       strerror(-r));
                }
                machine_free(next);
                free(snapshot);
                return;
        }
        take_definition(supervisor, next);
        machine_free(next);
        free(supervisor->snapshot);
        supervisor->snapshot = snapshot;
        if (supervisor->launch) {
                struct machine_record *record = launch_record(supervisor->launch);

                if (reload_note(record, supervisor->machine, supervisor->digest) == 0) {
                        (void)launch_save(supervisor->launch, record->state, NULL);
                }
        }
}
