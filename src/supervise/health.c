/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/health.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>

#include "base/error.h"
#include "base/process.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "launch/enter.h"

/* Between two checks of a machine that was not well yet and whose failures do not count yet. */
#define FIRST_INTERVAL (USEC_PER_SEC / 4)

struct health {
        const struct machine *machine;
        struct state_store store;
        health_handler handler;
        void *data;
        struct event_source *next;    /* timer of the next check */
        struct event_source *timeout; /* timer of the check under way */
        struct event_source *told;    /* its socket */
        struct event_loop *loop;
        struct entered check; /* the program under way */
        bool timed_out;
        bool was_good;
        uint64_t failures;
        uint64_t started;
};

static bool failures_count(const struct health *health)
{
        return health->was_good ||
               log_now() - health->started >= health->machine->life.health_start_period;
}

static void judge(struct health *health, bool good, const char *reason)
{
        const struct machine_life *life = &health->machine->life;

        if (good) {
                bool news = !health->was_good || health->failures > 0;

                health->was_good = true;
                health->failures = 0;
                if (news) {
                        health->handler(HEALTH_GOOD, NULL, health->data);
                }
                return;
        }
        if (failures_count(health)) {
                health->failures++;
                health->handler(health->failures >= life->health_retries ? HEALTH_UNHEALTHY
                                                                         : HEALTH_FAILING,
                                reason, health->data);
        }
}

/* A machine that has just been started is about to be well, and somebody may wait for it. */
static uint64_t next_interval(const struct health *health)
{
        uint64_t interval = health->machine->life.health_interval;

        return !failures_count(health) && interval > FIRST_INTERVAL ? FIRST_INTERVAL : interval;
}

static void end_check(struct health *health, bool good, const char *reason)
{
        event_remove(TAKE_PTR(health->told));
        (void)launch_leave(&health->check);
        (void)event_set_timer(health->timeout, USEC_INFINITY);
        if (!health->timed_out) {
                judge(health, good, reason);
        }
        (void)event_set_timer(health->next, next_interval(health));
}

static int on_told(struct event_source *source, int fd, uint32_t events, void *data)
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
                /* One that was on its way in when the time was up. */
                launch_entered_kill(&health->check);
        }
        return 0;
}

/* Nothing can run in a paused machine, and that says nothing about its health. */
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
        _cleanup_close_ int init = -EBADF, null = open("/dev/null", O_RDWR | O_CLOEXEC);
        struct enter_request request = {
                .store = &health->store,
                .record = &record,
                .command = health->machine->life.health_command,
                .streams = { null, null, null },
        };
        int r = state_load(&health->store, health->machine->name, &record, error);

        if (r < 0) {
                return r;
        }
        request.init = init = process_open(&record.init);
        return init < 0 ? init : launch_enter_begin(&request, &health->check, error);
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
                r = event_add_fd(health->loop, health->check.socket, EPOLLIN, on_told, health,
                                 &health->told);
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
        r = state_store_open(directories->runtime, &health->store, error);
        if (r == 0) {
                r = event_add_timer(loop, on_next, health, &health->next);
        }
        if (r == 0) {
                r = event_add_timer(loop, on_timeout, health, &health->timeout);
        }
        if (r == 0) {
                /* The first check comes at once: readiness may wait for it. */
                r = event_set_timer(health->next, 0);
        }
        if (r < 0) {
                health_free(health);
                return error_is_set(error) ? r : error_set(error, r, "cannot start health checks");
        }
        *ret = health;
        return 0;
}

void health_free(struct health *health)
{
        if (!health) {
                return;
        }
        event_remove(health->told);
        (void)launch_leave(&health->check);
        event_remove(health->next);
        event_remove(health->timeout);
        state_store_close(&health->store);
        free(health);
}
