/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_EXECUTE_ORDER_H
#define APPLY_EXECUTE_ORDER_H

#include "apply/execute/task.h"

enum order {
        ORDER_GO,
        ORDER_WAIT,
        ORDER_FAILED, /* a required machine has failed */
};

/** Whether a machine may stop: those that stop as well and require it are first. */
enum order order_of_stop(const struct tasks *tasks, const struct task *task);

/** Whether a machine may start. */
enum order order_of_start(const struct tasks *tasks, const struct task *task);

/** Whether a machine may go back to what it ran before: what that requires is first. */
enum order order_of_return(const struct tasks *tasks, const struct task *task);

/** Returns whether a machine has failed, even if it goes back. */
bool task_has_failed(const struct task *task);

#endif
