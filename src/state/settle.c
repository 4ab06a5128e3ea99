/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state/settle.h"

#include <errno.h>

#include "base/error.h"
#include "base/log.h"
#include "base/quantity.h"
#include "state/health.h"

/* How long a machine without a readiness or health check has to stay up. */
#define SETTLE_TIME (500 * USEC_PER_MSEC)

uint64_t settle_deadline(const struct machine *machine, uint64_t begun)
{
        const struct machine_life *life = &machine->life;
        uint64_t time = begun + life->start_delay;

        return life->start_timeout == MACHINE_UNLIMITED ||
                               __builtin_add_overflow(time, life->start_timeout, &time)
                       ? 0
                       : time;
}

static int look_at_health(const struct state_store *store, const char *name, uint64_t deadline,
                          struct machine_error *error)
{
        _cleanup_health_ struct machine_health health = { 0 };
        int r = state_load_health(store, name, &health);

        if (r == 0 && health.status == HEALTH_STATUS_HEALTHY) {
                return 1;
        }
        if (r == 0 && health.status == HEALTH_STATUS_UNHEALTHY) {
                return error_say(error, EIO, "machine \"%s\" is unhealthy: %s", name,
                                 health.reason ? health.reason : "its check fails");
        }
        if (!deadline || log_now() < deadline) {
                return 0;
        }
        return error_say(error, ETIMEDOUT, "machine \"%s\" was not healthy in time%s%s", name,
                         health.reason ? ": " : "", health.reason ? health.reason : "");
}

static int look_at_running(const struct state_store *store, const struct machine *machine,
                           const struct machine_record *record, uint64_t begun, uint64_t *deadline,
                           struct machine_error *error)
{
        const struct machine_life *life = &machine->life;

        if (record->restarts > 0) {
                return error_say(error, EIO, "machine \"%s\" ended and was restarted",
                                 record->name);
        }
        if (life->health_command) {
                *deadline = settle_deadline(machine, begun);
                return look_at_health(store, record->name, *deadline, error);
        }
        if (life->ready != MACHINE_READY_EXEC) {
                return 1;
        }
        *deadline = begun + SETTLE_TIME;
        return log_now() >= *deadline;
}

int settle_look(const struct state_store *store, const struct machine *machine, const char *name,
                uint64_t begun, uint64_t *deadline, struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };
        int r = state_query(store, name, &record, error);

        if (r < 0) {
                return r == -ENOENT ? error_say(error, r, "machine \"%s\" has disappeared", name)
                                    : r;
        }
        if (record.state == MACHINE_STATE_RUNNING) {
                return look_at_running(store, machine, &record, begun, deadline, error);
        }
        /* A job may be done already. */
        if (record.state == MACHINE_STATE_STOPPED && record.exit_status == 0) {
                return 1;
        }
        error_say(error, EIO, "machine \"%s\" did not stay up: %s", name,
                  record.reason ? record.reason : machine_state_name(record.state));
        error_hint(error, "machinectl-lite logs %s shows its output", name);
        return -EIO;
}
