/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/life/readiness.h"

#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/process/event.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "launch/init/message.h"
#include "systemd/notify.h"

#define NOTIFY_MAXIMUM 4096

/* Updates the record for other starts that wait for this one. */
static void publish_readiness(struct supervisor *supervisor)
{
        struct machine_record *record =
                supervisor->launch ? launch_record(supervisor->launch) : NULL;

        if (record && record->awaits_readiness) {
                record->awaits_readiness = 0;
                (void)launch_save(supervisor->launch, record->state, NULL);
        }
}

void supervisor_report_ready(struct supervisor *supervisor)
{
        if (supervisor->ready || supervisor->late) {
                return;
        }
        supervisor->ready = true;
        (void)event_set_timer(supervisor->start_timer, USEC_INFINITY);
        publish_readiness(supervisor);
        if (supervisor->report >= 0) {
                (void)message_send(supervisor->report, MESSAGE_READY);
                supervisor->report = fd_close(supervisor->report);
        }
        (void)systemd_notify("READY=1");
}

void supervisor_report_failure(struct supervisor *supervisor, const struct machine_error *error)
{
        if (supervisor->report >= 0) {
                (void)message_send_error(supervisor->report, error);
                supervisor->report = fd_close(supervisor->report);
        }
}

static void say_late(const struct supervisor *supervisor, struct machine_error *error)
{
        const struct machine_life *life = &supervisor->machine->life;
        char text[32];

        quantity_format_time(life->start_timeout, text);
        error_say(error, ETIMEDOUT, "machine \"%s\" was not ready within %s and was stopped",
                  supervisor->machine->name, text);
        error_hint(error, "it is ready %s; \"start_timeout\" allows more time",
                   life->ready == MACHINE_READY_HEALTH ? "once its health command succeeds"
                                                       : "once it sends READY=1 (sd_notify)");
}

/* Reports to the waiting start that the machine ended before it was ready. Called when nothing of
 * the run is left, so that whoever has the answer may start or delete the machine. */
void supervisor_report_early_end(struct supervisor *supervisor)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;

        if (supervisor->ready) {
                return;
        }
        if (supervisor->late) {
                say_late(supervisor, &error);
        } else {
                error_say(&error, ECHILD, "machine \"%s\" %s before it was ready",
                          supervisor->machine->name, supervisor->reason);
                error_hint(&error, "machinectl-lite logs %s shows its output",
                           supervisor->machine->name);
        }
        supervisor_report_failure(supervisor, &error);
}

/* Handles messages of the payload, see sd_notify(3). Only READY=1 has an effect. */
int supervisor_on_notified(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct supervisor *supervisor = data;
        char text[NOTIFY_MAXIMUM + 1];
        ssize_t n = recv(fd, text, NOTIFY_MAXIMUM, MSG_DONTWAIT);

        if (n <= 0) {
                return 0;
        }
        text[n] = '\0';
        for (const char *line = text; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (string_after(line, "READY=1") &&
                    supervisor->machine->life.ready == MACHINE_READY_NOTIFY) {
                        supervisor_report_ready(supervisor);
                }
        }
        return 0;
}
