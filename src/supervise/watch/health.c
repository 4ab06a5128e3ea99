/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/watch/health.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/process/process.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "launch/enter/enter.h"
#include "supervise/watch/health_output.h"

/* The interval of checks until the first success or the end of start_period. */
#define FIRST_INTERVAL (USEC_PER_SEC / 4)

struct health {
        const struct machine *machine;
        struct state_store store;
        health_handler handler;
        void *data;
        struct event_source *next;     /* timer of the next check */
        struct event_source *timeout;  /* timer of the current check */
        struct event_source *messages; /* socket of the current check */
        struct event_loop *loop;
        struct entered check;        /* the current check */
        struct health_output output; /* its output */
        struct machine_health found;
        bool timed_out;
        bool has_passed;
        char *fault; /* makes it unhealthy, whatever the checks find; or NULL */
        uint64_t started;
};

static bool failures_count(const struct health *health)
{
        return health->has_passed ||
               log_now() - health->started >= health->machine->life.health_start_period;
}

static void change_status(struct health *health, enum health_status status)
{
        if (health->found.status != status) {
                health->found.status = status;
                health->found.since_usec = health->found.checked_usec;
        }
}

/* Failing to write the file does not affect the health. */
static void keep(const struct health *health)
{
        (void)state_save_health(&health->store, health->machine->name, &health->found);
}

static void judge_passed(struct health *health)
{
        bool news = !health->has_passed || health->found.failures > 0;

        health->has_passed = true;
        if (health->fault) {
                (void)string_replace(&health->found.reason, health->fault);
        } else {
                change_status(health, HEALTH_STATUS_HEALTHY);
        }
        if (news) {
                health->handler(HEALTH_PASSED, &health->found, health->data);
        }
        health->found.failures = 0;
        keep(health);
}

static void judge_failed(struct health *health)
{
        enum health_verdict verdict = HEALTH_FAILING;

        if (!failures_count(health)) {
                keep(health);
                return;
        }
        health->found.failures++;
        if (health->found.failures >= health->machine->life.health_retries) {
                verdict = HEALTH_UNHEALTHY;
                change_status(health, HEALTH_STATUS_UNHEALTHY);
        }
        keep(health);
        health->handler(verdict, &health->found, health->data);
}

static void judge(struct health *health, bool passed, const char *reason)
{
        free(health->found.output);
        health->found.output = health_output_close(&health->output);
        health->found.checked_usec = clock_realtime();
        (void)string_replace(&health->found.reason, passed ? NULL : reason);
        if (passed) {
                judge_passed(health);
        } else {
                judge_failed(health);
        }
}

/* Checks a machine that has just been started more often, because readiness may depend on it. */
static uint64_t next_interval(const struct health *health)
{
        uint64_t interval = health->machine->life.health_interval;

        return !failures_count(health) && interval > FIRST_INTERVAL ? FIRST_INTERVAL : interval;
}

static void end_check(struct health *health, bool passed, const char *reason)
{
        event_remove(TAKE_PTR(health->messages));
        (void)launch_leave(&health->check);
        (void)event_set_timer(health->timeout, USEC_INFINITY);
        if (!health->timed_out) {
                judge(health, passed, reason);
        }
        free(health_output_close(&health->output));
        (void)event_set_timer(health->next, next_interval(health));
}

static int on_message(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct health *health = data;
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_free_ char *reason = NULL;
        int r = launch_entered_next(&health->check, &error);

        if (r < 0) {
                end_check(health, false, error.message ? error.message : "");
        } else if (health->check.ended) {
                reason = string_format("the health check ended with status %d",
                                       health->check.status);
                end_check(health, health->check.status == 0, reason ? reason : "");
        } else if (health->timed_out) {
                /* The check entered the machine after its timeout. */
                launch_entered_kill(&health->check);
        }
        return 0;
}

/* Checks cannot run in a paused machine, which does not make it unhealthy. */
static bool is_paused(const struct health *health)
{
        _cleanup_record_ struct machine_record record = { 0 };

        return state_load(&health->store, health->machine->name, &record, NULL) == 0 &&
               record.state == MACHINE_STATE_PAUSED;
}

static int on_timeout(struct event_source *source, void *data)
{
        struct health *health = data;

        if (is_paused(health)) {
                return event_set_timer(health->timeout, health->machine->life.health_timeout);
        }
        if (health->timed_out) {
                end_check(health, false, "");
                return 0;
        }
        health->timed_out = true;
        launch_entered_kill(&health->check);
        judge(health, false, "the health check took longer than its timeout");
        return event_set_timer(health->timeout, health->machine->life.health_timeout);
}

static int enter(struct health *health, struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };
        _cleanup_close_ int init = -EBADF, printed = -EBADF;
        _cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        struct enter_request request = {
                .store = &health->store,
                .record = &record,
                .command = health->machine->life.health_command,
        };
        int r = state_load(&health->store, health->machine->name, &record, error);

        if (r < 0) {
                return r;
        }
        r = health_output_open(&health->output, health->loop, record.user_base, &printed);
        if (r < 0) {
                return error_set(error, r,
                                 "cannot create a pipe for the output of the health check");
        }
        request.streams[0] = null;
        request.streams[1] = request.streams[2] = printed;
        request.init = init = process_open(&record.init);
        r = init < 0 ? init : launch_enter_begin(&request, &health->check, error);
        /* Processes left behind by checks would accumulate. */
        launch_entered_end_whole(&health->check);
        return r;
}

static int on_next(struct event_source *source, void *data)
{
        struct health *health = data;
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        int r = is_paused(health) ? -EAGAIN : enter(health, &error);

        if (r == -EAGAIN) {
                return event_set_timer(health->next, next_interval(health));
        }
        health->timed_out = false;
        if (r == 0) {
                r = event_add_fd(health->loop, health->check.socket, EPOLLIN, on_message, health,
                                 &health->messages);
        }
        if (r < 0) {
                end_check(health, false,
                          error.message ? error.message : "the health check cannot run");
                return 0;
        }
        return event_set_timer(health->timeout, health->machine->life.health_timeout);
}

int health_start(struct event_loop *loop, const struct machine *machine,
                 const struct launch_directories *directories, health_handler handler, void *data,
                 struct health **ret, struct machine_error *error)
{
        struct health *health = calloc(1, sizeof *health);
        int r;

        if (!health) {
                return error_oom(error);
        }
        health->machine = machine;
        health->store = (struct state_store)STATE_STORE_INIT;
        health->handler = handler;
        health->data = data;
        health->loop = loop;
        health->check = (struct entered)ENTERED_INIT;
        health->started = log_now();
        health->output.fd = -EBADF;
        health->found.since_usec = clock_realtime();
        r = state_store_open(directories->runtime, &health->store, error);
        if (r == 0) {
                r = event_add_timer(loop, on_next, health, &health->next);
        }
        if (r == 0) {
                r = event_add_timer(loop, on_timeout, health, &health->timeout);
        }
        if (r == 0) {
                /* Check immediately, because readiness may depend on it. */
                r = event_set_timer(health->next, 0);
        }
        if (r < 0) {
                health_free(health);
                return error_is_set(error) ? r : error_set(error, r, "cannot start health checks");
        }
        keep(health);
        *ret = health;
        return 0;
}

void health_report_fault(struct health *health, const char *reason)
{
        (void)string_replace(&health->fault, reason);
        (void)string_replace(&health->found.reason, reason);
        health->found.checked_usec = clock_realtime();
        change_status(health, HEALTH_STATUS_UNHEALTHY);
        keep(health);
}

void health_free(struct health *health)
{
        if (!health) {
                return;
        }
        event_remove(health->messages);
        (void)launch_leave(&health->check);
        event_remove(health->next);
        event_remove(health->timeout);
        free(health_output_close(&health->output));
        state_remove_health(&health->store, health->machine->name);
        machine_health_clear(&health->found);
        free(health->fault);
        state_store_close(&health->store);
        free(health);
}
