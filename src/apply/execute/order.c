/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/execute/order.h"

#include "base/strings.h"

static const struct task *find(const struct tasks *tasks, const char *name)
{
        for (size_t i = 0; i < tasks->count; i++) {
                if (strcmp(tasks->items[i].item->name, name) == 0) {
                        return &tasks->items[i];
                }
        }
        return NULL;
}

bool task_has_failed(const struct task *task)
{
        return task->phase >= TASK_BACK_STOP;
}

static bool has_stopped(const struct task *task)
{
        return task->phase > TASK_STOPPING;
}

/* Machines that require each other have no order. */
enum order order_of_stop(const struct tasks *tasks, const struct task *task)
{
        for (size_t i = 0; i < tasks->count; i++) {
                const struct task *other = &tasks->items[i];

                if (other != task && !has_stopped(other) &&
                    strv_contains(other->required, task->item->name) &&
                    !strv_contains(task->required, other->item->name)) {
                        return ORDER_WAIT;
                }
        }
        return ORDER_GO;
}

/* A network changes only while no machine uses it, and a port or an address that a machine takes
 * may be one that another gives up. */
static bool waits_for_stop_of(const struct task *task, const struct task *other)
{
        return other != task && !has_stopped(other) && other->item->live && task->item->joins_anew;
}

enum order order_of_start(const struct tasks *tasks, const struct task *task)
{
        enum order order = ORDER_GO;

        for (size_t i = 0; i < tasks->count; i++) {
                if (waits_for_stop_of(task, &tasks->items[i])) {
                        order = ORDER_WAIT;
                }
        }
        STRV_FOREACH(name, task->requires) {
                const struct task *other = find(tasks, *name);

                if (other && other != task && task_has_failed(other)) {
                        return ORDER_FAILED;
                }
                if (other && other != task && other->phase != TASK_DONE) {
                        order = ORDER_WAIT;
                }
        }
        STRV_FOREACH(name, task->after) {
                const struct task *other = find(tasks, *name);

                if (other && other != task && other->phase < TASK_DONE) {
                        order = ORDER_WAIT;
                }
        }
        return order;
}

enum order order_of_return(const struct tasks *tasks, const struct task *task)
{
        STRV_FOREACH(name, task->required) {
                const struct task *other = find(tasks, *name);

                if (other && other != task && task_has_failed(other) && other->phase < TASK_BACK) {
                        return ORDER_WAIT;
                }
        }
        return ORDER_GO;
}
