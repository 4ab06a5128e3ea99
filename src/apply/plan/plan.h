/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_PLAN_PLAN_H
#define APPLY_PLAN_PLAN_H

#include "apply/plan/item.h"

/* What has to happen for a host to be what a tree says. Nothing is changed here. */

struct plan {
        struct plan_item *items; /* sorted by name; those that are gone come last */
        size_t count;
        size_t changes; /* items that something happens to */
};

/**
 * Makes the plan. A machine that belongs to another source or definition is an error: all of them
 * are appended to *clashes, and the plan is then not to be carried out. Returns 0 or -errno with
 * error set; the caller frees *ret with plan_free().
 */
int plan_make(const struct plan_request *request, struct plan **ret, char ***clashes,
              struct machine_error *error);

void plan_free(struct plan *plan);

DEFINE_CLEANUP(struct plan *, plan_free, cleanup_plan)
#define _cleanup_plan_ _cleanup_(cleanup_plan)

/** The item of a machine, or NULL. */
struct plan_item *plan_find(const struct plan *plan, const char *name);

#endif
