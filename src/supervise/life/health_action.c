/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/life/health_action.h"

#include <string.h>

#include "base/clock.h"
#include "base/strings.h"
#include "state/store.h"
#include "supervise/life/readiness.h"
#include "supervise/life/stop.h"
#include "supervise/watch/health.h"

static void on_healthy(struct supervisor *supervisor, const struct machine_health *health)
{
        if (health->failures > 0) {
                supervisor_say(supervisor, "machinectl-lite: healthy again after %llu failures",
                               (unsigned long long)health->failures);
        }
        if (supervisor->machine->life.ready == MACHINE_READY_HEALTH) {
                supervisor_report_ready(supervisor);
        }
}

static void say_failure(struct supervisor *supervisor, const struct machine_health *health)
{
        supervisor_say(supervisor, "machinectl-lite: %s",
                       health->reason ? health->reason : "unhealthy");
        for (const char *line = health->output; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                supervisor_say(supervisor, "machinectl-lite: output of the health check: %.*s",
                               (int)strcspn(line, "\n"), line);
        }
}

static void on_health(enum health_verdict verdict, const struct machine_health *health, void *data)
{
        struct supervisor *supervisor = data;
        _cleanup_free_ char *text = NULL;

        if (verdict == HEALTH_PASSED) {
                on_healthy(supervisor, health);
                return;
        }
        say_failure(supervisor, health);
        if (verdict != HEALTH_UNHEALTHY || supervisor->stopping) {
                return;
        }
        text = string_format("unhealthy: %s", health->reason ? health->reason : "");
        switch (supervisor->machine->life.health_action) {
        case MACHINE_HEALTH_STOP:
                supervisor_begin_stop(supervisor, text ? text : "unhealthy");
                break;
        case MACHINE_HEALTH_RESTART:
                supervisor_set_reason(supervisor, text ? text : "unhealthy");
                supervisor->restarting = true;
                supervisor_ask_to_end(supervisor, MACHINE_STATE_RUNNING);
                break;
        case MACHINE_HEALTH_NONE:
                break;
        }
}

int supervisor_start_health(struct supervisor *supervisor, struct machine_error *error)
{
        const struct machine *machine = supervisor->machine;

        return machine->life.health_command
                       ? health_start(supervisor->loop, machine, &supervisor->options->directories,
                                      on_health, supervisor, &supervisor->health, error)
                       : 0;
}

void supervisor_report_fault(struct supervisor *supervisor, const char *reason)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_health_ struct machine_health health = {
                .status = HEALTH_STATUS_UNHEALTHY,
                .since_usec = clock_realtime(),
        };

        if (supervisor->health) {
                health_report_fault(supervisor->health, reason);
                return;
        }
        health.checked_usec = health.since_usec;
        health.reason = strdup(reason);
        supervisor->faulty = true;
        /* It is in the log as well. */
        if (state_store_open(supervisor->options->directories.runtime, &store, NULL) == 0) {
                (void)state_save_health(&store, supervisor->machine->name, &health);
        }
}

void supervisor_forget_fault(struct supervisor *supervisor)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;

        if (supervisor->faulty &&
            state_store_open(supervisor->options->directories.runtime, &store, NULL) == 0) {
                state_remove_health(&store, supervisor->machine->name);
        }
        supervisor->faulty = false;
}
