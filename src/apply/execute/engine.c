/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Carries out a plan: the phases of all machines, one step at a time. */

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/inotify.h>

#include "apply/execute/order.h"
#include "apply/execute/task.h"
#include "base/strings.h"
#include "config/config.h"

static void say(const struct tasks *tasks, const struct plan_item *item, const char *what)
{
        log_notice(tasks->request->host->log, "%s: %s", item->name, what);
}

/* ---- Failures ---- */

/* A machine that ran before goes back to that; a new one is stopped. */
static void fail(const struct tasks *tasks, struct task *task, struct machine_error *failure)
{
        bool again = task_has_failed(task);

        if (!task->result->reason) {
                task->result->reason = strdup(failure->message ? failure->message : "");
        }
        log_error(tasks->request->host->log, failure);
        task->fd = fd_close(task->fd);
        task->deadline = 0;
        if (again || !tasks->request->take_back || task->item->word == PLAN_STOP ||
            task->phase <= TASK_STOPPING) {
                task->phase = TASK_LOST;
                return;
        }
        say(tasks, task->item, task->item->revision ? "going back" : "stopping");
        task->phase = TASK_BACK_STOP;
}

/* ---- Phases ---- */

static int stop(const struct tasks *tasks, struct task *task, struct machine_error *error)
{
        int r;

        if (task->phase == TASK_WAIT_STOP && order_of_stop(tasks, task) == ORDER_WAIT) {
                return 0;
        }
        if (task->phase == TASK_WAIT_STOP && task->item->live) {
                say(tasks, task->item, "stopping");
        }
        r = launch_inject_fault("apply-stop", error);
        r = r < 0 ? r : task_begin_stop(tasks, task, error);
        task->phase += r == 0;
        return r < 0 ? r : 1;
}

static int stopped(const struct tasks *tasks, struct task *task, struct machine_error *error)
{
        bool gone = task->item->word == PLAN_STOP;
        int r = task_end_stop(tasks, task, error);

        if (r < 0) {
                return r;
        }
        /* A failure from here on starts it again. */
        task->phase = gone ? task->phase : task->phase + 1;
        r = launch_inject_fault("apply-stopped", error);
        if (r == 0 && task->item->image_changed) {
                r = task_unpin_image(tasks, task->item, error);
        }
        if (r == 0 && gone) {
                r = task_remove(tasks, task->item, error);
        }
        if (r < 0) {
                return r;
        }
        task->phase = gone ? TASK_DONE : task->phase;
        return 1;
}

static int start(const struct tasks *tasks, struct task *task, struct machine_error *error)
{
        enum order order = order_of_start(tasks, task);
        int r;

        if (order == ORDER_WAIT) {
                return 0;
        }
        if (order == ORDER_FAILED) {
                return error_say(error, ECANCELED,
                                 "machine \"%s\" is not started: a required machine has failed",
                                 task->item->name);
        }
        say(tasks, task->item, "starting");
        r = launch_inject_fault("apply-start", error);
        r = r < 0 ? r : task_begin_start(tasks, task, error);
        task->phase += r == 0;
        return r < 0 ? r : 1;
}

/* From here on its name means the version that it ran before. */
static int go_back(const struct tasks *tasks, struct task *task, struct machine_error *error)
{
        const struct plan_item *item = task->item;
        int r;

        if (order_of_return(tasks, task) == ORDER_WAIT) {
                return 0;
        }
        if (!item->revision || string_equal(item->revision, tasks->request->revision) ||
            !source_store_has(tasks->request->store, item->revision)) {
                task->phase = TASK_BACK;
                return 1;
        }
        r = launch_inject_fault("apply-back", error);
        r = r < 0 ? r
                  : source_store_hold(tasks->request->store, item->name, item->revision,
                                      item->image, error);
        r = r < 0 ? r : task_begin_start(tasks, task, error);
        task->phase += r == 0;
        return r < 0 ? r : 1;
}

static int started(const struct tasks *tasks, struct task *task, struct machine_error *error)
{
        int r = task_end_start(tasks, task, error);

        r = r < 0 ? r : launch_inject_fault("apply-started", error);
        task->phase += r == 0;
        return r < 0 ? r : 1;
}

static int settle(const struct tasks *tasks, struct task *task, struct machine_error *error)
{
        int r = task_look(tasks, task, error);

        if (r > 0) {
                say(tasks, task->item, task->phase == TASK_SETTLING ? "running" : "runs as before");
                task->phase++;
                task->deadline = 0;
        }
        return r;
}

/* A descriptor of the phase is known to be readable. Returns 1 if the next phase may begin, 0 if it
 * has to wait, or -errno with error set. */
static int step(const struct tasks *tasks, struct task *task, struct machine_error *error)
{
        switch (task->phase) {
        case TASK_WAIT_STOP:
        case TASK_BACK_STOP:
                return stop(tasks, task, error);
        case TASK_STOPPING:
        case TASK_BACK_STOPPING:
                return stopped(tasks, task, error);
        case TASK_WAIT_START:
                return start(tasks, task, error);
        case TASK_STARTING:
        case TASK_BACK_STARTING:
                return started(tasks, task, error);
        case TASK_SETTLING:
        case TASK_BACK_SETTLING:
                return settle(tasks, task, error);
        case TASK_BACK_WAIT:
                return go_back(tasks, task, error);
        default:
                return 0;
        }
}

static bool is_over(const struct task *task)
{
        return task->phase == TASK_DONE || task->phase >= TASK_BACK;
}

static bool is_late(const struct task *task)
{
        return (task->phase == TASK_STARTING || task->phase == TASK_BACK_STARTING) &&
               task->deadline && log_now() >= task->deadline;
}

/* Goes on until the machine has to wait. Returns whether it has come any further. */
static bool advance(const struct tasks *tasks, struct task *task, bool readable)
{
        bool changed = false;

        while (!is_over(task) && (task->fd < 0 || readable || is_late(task))) {
                _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
                int r = is_late(task) ? error_say(&failure, ETIMEDOUT,
                                                  "machine \"%s\" was not ready in time",
                                                  task->item->name)
                                      : step(tasks, task, &failure);

                readable = false;
                if (r == 0) {
                        break;
                }
                if (r < 0) {
                        fail(tasks, task, &failure);
                }
                changed = true;
        }
        return changed;
}

/* ---- Waiting ---- */

static int time_left(const struct tasks *tasks)
{
        uint64_t now = log_now(), first = UINT64_MAX, milliseconds;

        for (size_t i = 0; i < tasks->count; i++) {
                const struct task *task = &tasks->items[i];

                if (!is_over(task) && task->deadline && task->deadline < first) {
                        first = task->deadline;
                }
        }
        if (first == UINT64_MAX) {
                return -1;
        }
        milliseconds = first <= now ? 0 : (first - now) / 1000 + 1;
        return milliseconds > INT_MAX ? INT_MAX : (int)milliseconds;
}

static void read_events(int notifier)
{
        char events[4096];

        while (read(notifier, events, sizeof events) > 0) {
        }
}

/* Waits for a descriptor, a changed record or a deadline. */
static int wait_for_news(const struct tasks *tasks, struct pollfd *polled)
{
        size_t n = 1;

        polled[0] = (struct pollfd){ .fd = tasks->notifier, .events = POLLIN };
        for (size_t i = 0; i < tasks->count; i++) {
                /* A negative descriptor is ignored. */
                polled[n++] = (struct pollfd){ .fd = tasks->items[i].fd, .events = POLLIN };
        }
        while (poll(polled, n, time_left(tasks)) < 0) {
                if (errno != EINTR) {
                        return -errno;
                }
        }
        read_events(tasks->notifier);
        for (size_t i = 0; i < tasks->count; i++) {
                if (polled[i + 1].fd >= 0 && polled[i + 1].revents) {
                        (void)advance(tasks, &tasks->items[i], true);
                }
        }
        return 0;
}

static bool any(const struct tasks *tasks, bool (*is)(const struct task *task))
{
        for (size_t i = 0; i < tasks->count; i++) {
                if (is(&tasks->items[i])) {
                        return true;
                }
        }
        return false;
}

static bool is_unfinished(const struct task *task)
{
        return !is_over(task);
}

static bool is_under_way(const struct task *task)
{
        return task->fd >= 0 || task->phase == TASK_SETTLING || task->phase == TASK_BACK_SETTLING;
}

/* Whatever still waits then waits for itself. */
static void break_cycle(const struct tasks *tasks)
{
        for (size_t i = 0; i < tasks->count; i++) {
                _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
                struct task *task = &tasks->items[i];

                if (!is_over(task)) {
                        error_say(
                                &failure, ELOOP,
                                "machine \"%s\" waits for itself: \"requires\" and \"after\" form "
                                "a cycle",
                                task->item->name);
                        fail(tasks, task, &failure);
                        return;
                }
        }
}

static int run(const struct tasks *tasks, struct machine_error *error)
{
        struct pollfd *polled = calloc(tasks->count + 1, sizeof *polled);
        int r = polled ? 0 : -ENOMEM;

        while (r == 0) {
                bool changed;

                do {
                        changed = false;
                        for (size_t i = 0; i < tasks->count; i++) {
                                changed |= advance(tasks, &tasks->items[i], false);
                        }
                } while (changed);
                if (!any(tasks, is_unfinished)) {
                        break;
                }
                if (any(tasks, is_under_way)) {
                        r = wait_for_news(tasks, polled);
                } else {
                        break_cycle(tasks);
                }
        }
        free(polled);
        return r < 0 ? error_set(error, r, "cannot wait for machines") : 0;
}

/* ---- The plan ---- */

static int take_requirements(const struct tasks *tasks, struct task *task)
{
        _cleanup_record_ struct machine_record record = { 0 };
        const struct machine *machine = task->item->machine;
        int r = machine ? config_requirements(machine, &task->requires) : 0;

        if (r == 0 && machine && machine->life.after) {
                task->after = strv_copy(machine->life.after);
                r = task->after ? 0 : -ENOMEM;
        }
        if (r == 0 && task->item->live &&
            state_query(tasks->request->machines, task->item->name, &record, NULL) == 0) {
                task->required = TAKE_PTR(record.requires);
        }
        return r;
}

/* Machines that only change while they run need no order. */
static bool is_moved(const struct plan_item *item)
{
        return item->word == PLAN_RESTART || item->word == PLAN_START || item->word == PLAN_STOP;
}

static int make_tasks(struct tasks *tasks, struct execute_result *results)
{
        const struct plan *plan = tasks->request->plan;

        tasks->items = calloc(plan->count + 1, sizeof *tasks->items);
        if (!tasks->items) {
                return -ENOMEM;
        }
        for (size_t i = 0; i < plan->count; i++) {
                struct task *task = &tasks->items[tasks->count];

                if (!is_moved(&plan->items[i])) {
                        continue;
                }
                *task = (struct task){ .item = &plan->items[i],
                                       .result = &results[i],
                                       .fd = -EBADF };
                tasks->count++;
                if (take_requirements(tasks, task) < 0) {
                        return -ENOMEM;
                }
        }
        tasks->notifier = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        return tasks->notifier < 0 ||
                               inotify_add_watch(tasks->notifier, tasks->request->machines->path,
                                                 IN_MOVED_TO | IN_DELETE) < 0
                       ? -errno
                       : 0;
}

static void change_live(const struct tasks *tasks, struct execute_result *results)
{
        const struct plan *plan = tasks->request->plan;

        for (size_t i = 0; i < plan->count; i++) {
                _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
                const struct plan_item *item = &plan->items[i];
                int r;

                if (!plan_acts(item) || is_moved(item)) {
                        continue;
                }
                r = launch_inject_fault("apply-live", &failure);
                r = r < 0 ? r : task_change_live(tasks, item, &failure);
                if (r < 0) {
                        log_error(tasks->request->host->log, &failure);
                        results[i].reason = strdup(failure.message ? failure.message : "");
                } else {
                        say(tasks, item, item->word == PLAN_RELOAD ? "reloaded" : "changed");
                }
        }
}

static int conclude(const struct tasks *tasks, struct execute_result *results)
{
        const struct plan *plan = tasks->request->plan;
        int failed = 0;

        for (size_t i = 0; i < tasks->count; i++) {
                tasks->items[i].result->taken_back = tasks->items[i].phase == TASK_BACK;
        }
        for (size_t i = 0; i < plan->count; i++) {
                _cleanup_record_ struct machine_record record = { 0 };

                results[i].done = !results[i].reason;
                failed += !results[i].done;
                if (plan->items[i].machine &&
                    state_query(tasks->request->machines, plan->items[i].name, &record, NULL) ==
                            0) {
                        results[i].image = TAKE_PTR(record.image_id);
                }
        }
        return failed;
}

static void free_tasks(struct tasks *tasks)
{
        for (size_t i = 0; i < tasks->count; i++) {
                fd_close(tasks->items[i].fd);
                machine_free(tasks->items[i].machine);
                strv_free(tasks->items[i].requires);
                strv_free(tasks->items[i].after);
                strv_free(tasks->items[i].required);
        }
        free(tasks->items);
        fd_close(tasks->notifier);
}

int execute_plan(const struct execute_request *request, struct execute_result *results,
                 struct machine_error *error)
{
        struct tasks tasks = { .request = request, .notifier = -EBADF };
        int r = make_tasks(&tasks, results);

        if (r < 0) {
                error_set(error, r, "cannot watch machines");
        } else {
                change_live(&tasks, results);
                r = run(&tasks, error);
        }
        r = r < 0 ? r : conclude(&tasks, results);
        free_tasks(&tasks);
        return r;
}

void execute_results_free(struct execute_result *results, size_t count)
{
        for (size_t i = 0; results && i < count; i++) {
                free(results[i].reason);
                free(results[i].image);
        }
        free(results);
}
