/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_PLAN_OWNERS_H
#define APPLY_PLAN_OWNERS_H

#include "apply/plan/request.h"
#include "state/record.h"

/** The other sources of the host, and what they own. */
struct owners {
        struct owner {
                char *id;
                struct source_record record;
        } * items;
        size_t count;
};

/** Returns 0 or -errno with error set. The caller clears *ret in any case. */
int owners_load(const struct plan_request *request, struct owners *ret,
                struct machine_error *error);

void owners_clear(struct owners *owners);

/** Appends to *clashes why the source cannot have a machine: another source owns it, or it runs
 * (its record, or NULL) from another definition. Returns 0 or -ENOMEM. */
int owners_check(const struct owners *owners, const struct plan_request *request, const char *name,
                 const struct machine_record *running, char ***clashes);

#endif
