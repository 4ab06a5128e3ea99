/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/top/rows.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/machines/selection.h"

#define USAGE(field) offsetof(struct cgroup_usage, field)

static double known(uint64_t value)
{
        return survey_is_number(value) ? (double)value : 0;
}

static double by_memory(const struct survey_machine *machine, const struct survey_machine *before)
{
        return known(machine->usage.memory);
}

static double by_disks(const struct survey_machine *machine, const struct survey_machine *before)
{
        return survey_rate(machine, before, USAGE(io_read)) +
               survey_rate(machine, before, USAGE(io_write));
}

static double by_tasks(const struct survey_machine *machine, const struct survey_machine *before)
{
        return known(machine->usage.tasks);
}

static double by_restarts(const struct survey_machine *machine, const struct survey_machine *before)
{
        return (double)machine->record.restarts;
}

static double by_waiting(const struct survey_machine *machine, const struct survey_machine *before)
{
        uint64_t share;

        return row_waiting(machine, &share) ? (double)share : 0;
}

/* The same for all, so that names decide. */
static double by_name(const struct survey_machine *machine, const struct survey_machine *before)
{
        return 0;
}

const struct order top_orders[] = {
        { 'c', "cpu", survey_cpu_share }, { 'm', "memory", by_memory },
        { 'n', "name", by_name },         { 'i', "disks", by_disks },
        { 't', "tasks", by_tasks },       { 'p', "waiting", by_waiting },
        { 'r', "restarts", by_restarts }, { 0 },
};

const struct order *order_by_key(int key)
{
        for (const struct order *order = top_orders; order->name; order++) {
                if (order->key == key) {
                        return order;
                }
        }
        return NULL;
}

const struct order *order_by_name(const char *name)
{
        for (const struct order *order = top_orders; order->name; order++) {
                if (strcmp(order->name, name) == 0) {
                        return order;
                }
        }
        return NULL;
}

const char *row_waiting(const struct survey_machine *machine, uint64_t *ret)
{
        const struct {
                const char *name;
                uint64_t share;
        } waits[] = {
                { "cpu", machine->usage.cpu_pressure.some_10 },
                { "memory", machine->usage.memory_pressure.some_10 },
                { "disks", machine->usage.io_pressure.some_10 },
        };
        const char *most = NULL;

        *ret = 0;
        for (size_t i = 0; i < ELEMENTS_OF(waits); i++) {
                if (survey_is_number(waits[i].share) && waits[i].share > *ret) {
                        *ret = waits[i].share;
                        most = waits[i].name;
                }
        }
        return most;
}

static int compare(const void *a, const void *b)
{
        const struct row *first = a, *second = b;

        if (first->value != second->value) {
                return first->value > second->value ? -1 : 1;
        }
        return strcmp(first->machine->record.name, second->machine->record.name);
}

static bool is_wanted(const struct arrangement *arrangement, const struct machine_record *record)
{
        bool matches = !arrangement->patterns[0];

        for (size_t i = 0; arrangement->patterns[i] && !matches; i++) {
                matches = fnmatch(arrangement->patterns[i], record->name, 0) == 0;
        }
        return matches && cli_labels_match(record->labels, arrangement->labels) &&
               (arrangement->all || machine_state_is_live(record->state));
}

int rows_arrange(const struct arrangement *arrangement, const struct survey *now,
                 const struct survey *before, struct row **ret)
{
        struct row *rows = calloc(now->count + 1, sizeof *rows);
        size_t count = 0;

        if (!rows) {
                return -ENOMEM;
        }
        for (size_t i = 0; i < now->count; i++) {
                const struct survey_machine *machine = &now->machines[i];
                struct row *row = &rows[count];

                if (is_wanted(arrangement, &machine->record)) {
                        row->machine = machine;
                        row->before = survey_find(before, machine->record.name);
                        row->value = arrangement->order->value(machine, row->before);
                        count++;
                }
        }
        qsort(rows, count, sizeof *rows, compare);
        for (size_t i = 0; arrangement->reverse && i < count / 2; i++) {
                struct row row = rows[i];

                rows[i] = rows[count - 1 - i];
                rows[count - 1 - i] = row;
        }
        *ret = rows;
        return (int)count;
}
