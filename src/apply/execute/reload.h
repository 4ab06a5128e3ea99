/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_EXECUTE_RELOAD_H
#define APPLY_EXECUTE_RELOAD_H

#include "apply/execute/task.h"

/** Mounts the changed files of the tree into a running machine, and has its command read them:
 * `reload` of the definition. Returns 0 or -errno with error set. */
int task_reload(const struct tasks *tasks, const struct plan_item *item,
                const struct machine_record *record, struct machine_error *error);

#endif
