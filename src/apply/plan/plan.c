/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/plan/plan.h"

#include <errno.h>

#include "apply/plan/item.h"
#include "apply/plan/owners.h"
#include "apply/plan/slice.h"
#include "base/json.h"
#include "base/strings.h"

void plan_free(struct plan *plan)
{
        if (!plan) {
                return;
        }
        for (size_t i = 0; i < plan->count; i++) {
                plan_item_clear(&plan->items[i]);
        }
        free(plan->items);
        free(plan);
}

struct plan_item *plan_find(const struct plan *plan, const char *name)
{
        for (size_t i = 0; i < plan->count; i++) {
                if (strcmp(plan->items[i].name, name) == 0) {
                        return &plan->items[i];
                }
        }
        return NULL;
}

/* ---- The plan ---- */

static struct plan_item *grow(struct plan *plan)
{
        struct plan_item *grown = reallocarray(plan->items, plan->count + 1, sizeof *grown);

        if (!grown) {
                return NULL;
        }
        plan->items = grown;
        grown[plan->count] = (struct plan_item){ 0 };
        return &grown[plan->count++];
}

static int add_gone(const struct plan_request *request, struct plan *plan, const char *name,
                    struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };
        struct plan_item *item = grow(plan);
        int r = state_query(request->machines, name, &record, error);

        if (!item) {
                return error_oom(error);
        }
        if (r < 0 && r != -ENOENT) {
                return r;
        }
        return plan_decide_gone(request, r == 0 ? &record : NULL, name, item, error);
}

/* The network of a machine ends with it. */
static int follow_networks(struct plan *plan)
{
        bool changed = true;

        while (changed) {
                changed = false;
                for (size_t i = 0; i < plan->count; i++) {
                        struct plan_item *item = &plan->items[i];
                        const struct machine_network *network =
                                item->machine ? &item->machine->network : NULL;
                        const struct plan_item *other =
                                network && network->mode == MACHINE_NETWORK_MACHINE && item->live &&
                                                item->word != PLAN_RESTART
                                        ? plan_find(plan, network->target)
                                        : NULL;

                        if (!other || other->word != PLAN_RESTART) {
                                continue;
                        }
                        item->word = PLAN_RESTART;
                        free(item->reason);
                        item->reason = string_format("shares the network of \"%s\"", other->name);
                        if (!item->reason) {
                                return -ENOMEM;
                        }
                        changed = true;
                }
        }
        return 0;
}

static int add_all_gone(const struct plan_request *request, struct plan *plan,
                        struct machine_error *error)
{
        _cleanup_strv_ char **names = NULL;
        const char *name;
        json_t *value;
        int r = 0;

        json_object_foreach(source_record_machines(request->record), name, value)
        {
                if (!plan_find(plan, name) && strv_append(&names, name) < 0) {
                        return error_oom(error);
                }
        }
        strv_sort(names);
        STRV_FOREACH(gone, names) {
                r = r < 0 ? r : add_gone(request, plan, *gone, error);
        }
        return r;
}

int plan_make(const struct plan_request *request, struct plan **ret, char ***clashes,
              struct machine_error *error)
{
        _cleanup_plan_ struct plan *plan = calloc(1, sizeof *plan);
        _cleanup_(owners_clear) struct owners owners = { 0 };
        int r = plan ? owners_load(request, &owners, error) : error_oom(error);

        if (r == 0 && request->view->count > 0) {
                plan->items = calloc(request->view->count, sizeof *plan->items);
                plan->count = plan->items ? request->view->count : 0;
                r = plan->items ? plan_decide_all(request, &owners, plan->items, clashes, error)
                                : error_oom(error);
        }
        if (r == 0) {
                r = follow_networks(plan) < 0 ? error_oom(error) : 0;
        }
        r = r < 0 ? r : add_all_gone(request, plan, error);
        if (r < 0) {
                return r;
        }
        for (size_t i = 0; i < plan->count; i++) {
                plan->changes += plan_acts(&plan->items[i]);
        }
        *ret = TAKE_PTR(plan);
        return 0;
}
