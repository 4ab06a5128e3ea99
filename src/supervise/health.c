/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/health.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

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
        struct event_source *ended;   /* its pidfd */
        struct event_loop *loop;
        int pidfd;
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
        event_remove(TAKE_PTR(health->ended));
        (void)event_set_timer(health->timeout, USEC_INFINITY);
        health->pidfd = fd_close(health->pidfd);
        judge(health, good, reason);
        (void)event_set_timer(health->next, next_interval(health));
}

static int on_ended(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct health *health = data;
        siginfo_t info = { 0 };
        _cleanup_free_ char *reason = NULL;
        int status;

        if (waitid(P_PIDFD, (id_t)fd, &info, WEXITED) < 0) {
                return 0;
        }
        status = process_exit_status(info.si_code, info.si_status);
        reason = health->timed_out ? strdup("the health check took longer than its timeout")
                                   : string_format("the health check ended with status %d", status);
        end_check(health, status == 0 && !health->timed_out, reason ? reason : "");
        return 0;
}

static int on_timeout(struct event_source *source, void *data)
{
        struct health *health = data;

        health->timed_out = true;
        if (health->pidfd >= 0) {
                (void)syscall(SYS_pidfd_send_signal, health->pidfd, SIGKILL, NULL, 0);
        }
        return 0;
}

static int enter(struct health *health, struct entered *ret, struct machine_error *error)
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
        return init < 0 ? init : launch_enter(&request, ret, error);
}

static int on_next(struct event_source *source, void *data)
{
        struct health *health = data;
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        struct entered entered = ENTERED_INIT;
        int r = enter(health, &entered, &error);

        if (r == 0) {
                health->pidfd = entered.pidfd;
                health->timed_out = false;
                r = event_add_fd(health->loop, entered.pidfd, EPOLLIN, on_ended, health,
                                 &health->ended);
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
        health->pidfd = -EBADF;
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
        if (health->pidfd >= 0) {
                siginfo_t info;

                (void)syscall(SYS_pidfd_send_signal, health->pidfd, SIGKILL, NULL, 0);
                (void)waitid(P_PIDFD, (id_t)health->pidfd, &info, WEXITED);
        }
        event_remove(health->ended);
        event_remove(health->next);
        event_remove(health->timeout);
        fd_close(health->pidfd);
        state_store_close(&health->store);
        free(health);
}
