/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/check/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"

/* Removes machines that can be started one after the other; those that remain are part of a cycle
 * or wait for one. */

struct order {
        struct config_definition **sorted; /* by name */
        size_t count;
        bool *done;
};

static int compare_names(const void *a, const void *b)
{
        const struct config_definition *const *left = a, *const *right = b;

        return strcmp((*left)->machine->name, (*right)->machine->name);
}

/* The index of a remaining machine, or -1. */
static ssize_t find_left(const struct order *order, const char *name)
{
        size_t low = 0, high = order->count;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int side = strcmp(name, order->sorted[middle]->machine->name);

                if (side == 0) {
                        return order->done[middle] ? -1 : (ssize_t)middle;
                }
                if (side < 0) {
                        high = middle;
                } else {
                        low = middle + 1;
                }
        }
        return -1;
}

/* The first remaining machine that this one waits for, with the key that names it; or -1. */
static ssize_t waits_for(const struct order *order, size_t machine, const char **ret_key,
                         size_t *ret_index)
{
        const struct machine_life *life = &order->sorted[machine]->machine->life;
        const struct machine_network *network = &order->sorted[machine]->machine->network;
        char *const shared[] = { network->mode == MACHINE_NETWORK_MACHINE ? network->target : NULL,
                                 NULL };
        char *const *const lists[] = { life->requires, life->after, shared };
        static const char *const keys[] = { "requires", "after", "network.mode" };

        for (size_t i = 0; i < ELEMENTS_OF(lists); i++) {
                size_t index = 0;

                STRV_FOREACH(name, lists[i]) {
                        ssize_t other = find_left(order, *name);

                        /* A machine that waits for itself is reported elsewhere. */
                        if (other >= 0 && (size_t)other != machine) {
                                *ret_key = keys[i];
                                *ret_index = index;
                                return other;
                        }
                        index++;
                }
        }
        return -1;
}

static void take_away(struct order *order)
{
        bool changed = true;

        while (changed) {
                changed = false;
                for (size_t i = 0; i < order->count; i++) {
                        const char *key;
                        size_t index;

                        if (!order->done[i] && waits_for(order, i, &key, &index) < 0) {
                                order->done[i] = true;
                                changed = true;
                        }
                }
        }
}

/* The place where a remaining machine names the machine that it waits for. */
static struct config_place place_of_wait(const struct order *order, size_t machine,
                                         size_t *ret_next)
{
        const char *key = "requires";
        size_t index = SIZE_MAX;
        ssize_t next = waits_for(order, machine, &key, &index);

        *ret_next = next < 0 ? machine : (size_t)next;
        return config_definition_place(order->sorted[machine], key, index);
}

static int report_circle(const struct order *order, size_t start)
{
        const struct config_definition *first = order->sorted[start];
        _cleanup_strv_ char **names = NULL;
        _cleanup_free_ char *circle = NULL;
        struct config_place place, related;
        size_t next, at = start;
        int r;

        place = place_of_wait(order, start, &next);
        related = place_of_wait(order, next, &at);
        at = start;
        do {
                r = strv_append(&names, order->sorted[at]->machine->name);
                (void)place_of_wait(order, at, &at);
        } while (r == 0 && at != start);
        r = r < 0 ? r : strv_append(&names, first->machine->name);
        circle = r < 0 ? NULL : strv_join(names, " -> ");
        if (!circle) {
                return -ENOMEM;
        }
        return config_report_related(first->diagnostics, DIAGNOSTIC_ERROR, &place,
                                     string_format("dependency cycle: %s", circle), &related,
                                     "and here");
}

/* Follows the dependencies until a machine repeats: it is part of a cycle. Returns the machine of
 * the cycle whose name sorts first. */
static size_t find_circle(const struct order *order, size_t start)
{
        size_t at, first;

        for (size_t steps = 0; steps < order->count; steps++) {
                (void)place_of_wait(order, start, &start);
        }
        first = at = start;
        do {
                (void)place_of_wait(order, at, &at);
                first = at < first ? at : first;
        } while (at != start);
        return first;
}

int config_check_order(struct config_definition *const *definitions, size_t count)
{
        _cleanup_free_ struct config_definition **sorted =
                calloc(count + 1, sizeof(struct config_definition *));
        _cleanup_free_ bool *done = calloc(count + 1, sizeof *done);
        struct order order = { sorted, count, done };
        int r = 0;

        if (!sorted || !done) {
                return -ENOMEM;
        }
        for (size_t i = 0; i < count; i++) {
                sorted[i] = definitions[i];
        }
        qsort(sorted, count, sizeof(struct config_definition *), compare_names);
        for (size_t i = 0; i < count && r == 0; i++) {
                size_t member;

                take_away(&order);
                if (done[i]) {
                        continue;
                }
                member = find_circle(&order, i);
                r = report_circle(&order, member);
                done[member] = true;
        }
        return r;
}
