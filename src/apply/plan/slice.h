/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_PLAN_SLICE_H
#define APPLY_PLAN_SLICE_H

#include "apply/plan/item.h"
#include "apply/plan/owners.h"

/**
 * Decides what happens to each machine of the view, in the same order in `items`, which has room
 * for all of them. Many machines are shared among processes, one for each processor. Returns 0 or
 * -errno with error set.
 */
int plan_decide_all(const struct plan_request *request, const struct owners *owners,
                    struct plan_item *items, char ***clashes, struct machine_error *error);

#endif
