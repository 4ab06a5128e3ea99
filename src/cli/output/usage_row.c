/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include <machine/machine.h>

#include "base/quantity.h"
#include "cli/output/bar.h"
#include "cli/output/usage.h"

#define CELL_BYTES (BAR_BYTES + 64)

#define USAGE(field) offsetof(struct cgroup_usage, field)

const char *const usage_headings[] = {
        "NAME", "CPU", "MEMORY", "SWAP", "TASKS", "READ", "WRITE", "WAITING", "OOM", NULL,
};

/* Usage in percent of one CPU. The bar is full at the limit or, without one, at all CPUs. */
static int add_cpu(struct table *table, const struct survey_machine *sample,
                   const struct survey_machine *before, unsigned int cpus, bool utf8)
{
        double full = survey_cpu_limit(sample, cpus);
        char bar[BAR_BYTES], text[CELL_BYTES];
        double share;

        if (!before || !survey_is_number(sample->usage.cpu)) {
                return table_add(table, NULL);
        }
        share = survey_cpu_share(sample, before);
        bar_format(full > 0 ? share / full : 0, utf8, bar);
        snprintf(text, sizeof text, "%s %5.1f%%", bar, share * 100);
        return table_add(table, text);
}

/* "BAR 12.0M / 256.0M", or only "12.0M" if there is no limit. */
static int add_part(struct table *table, uint64_t value, uint64_t limit, bool utf8)
{
        char bar[BAR_BYTES], used[16], most[16], text[CELL_BYTES];

        if (!survey_is_number(value)) {
                return table_add(table, NULL);
        }
        quantity_format_size(value, used);
        if (!survey_is_number(limit)) {
                return table_add(table, used);
        }
        quantity_format_size(limit, most);
        bar_format(limit ? (double)value / (double)limit : 0, utf8, bar);
        snprintf(text, sizeof text, "%s %s / %s", bar, used, most);
        return table_add(table, text);
}

static int add_count(struct table *table, uint64_t value, uint64_t limit)
{
        char text[CELL_BYTES];

        if (!survey_is_number(value)) {
                return table_add(table, NULL);
        }
        if (survey_is_number(limit)) {
                snprintf(text, sizeof text, "%" PRIu64 " / %" PRIu64, value, limit);
        } else {
                snprintf(text, sizeof text, "%" PRIu64, value);
        }
        return table_add(table, text);
}

static int add_rate(struct table *table, const struct survey_machine *sample,
                    const struct survey_machine *before, size_t counter, uint64_t now)
{
        char size[16], text[CELL_BYTES];

        if (!before || !survey_is_number(now)) {
                return table_add(table, NULL);
        }
        quantity_format_size((uint64_t)survey_rate(sample, before, counter), size);
        snprintf(text, sizeof text, "%s/s", size);
        return table_add(table, text);
}

/* The resource with the highest pressure in the last ten seconds, if it is at least 1%. */
static int add_waiting(struct table *table, const struct cgroup_usage *usage)
{
        const struct {
                const char *name;
                uint64_t value;
        } waits[] = {
                { "cpu", usage->cpu_pressure.some_10 },
                { "memory", usage->memory_pressure.some_10 },
                { "io", usage->io_pressure.some_10 },
        };
        size_t most = 0;
        char text[CELL_BYTES];

        for (size_t i = 1; i < ELEMENTS_OF(waits); i++) {
                if (survey_is_number(waits[i].value) &&
                    (!survey_is_number(waits[most].value) || waits[i].value > waits[most].value)) {
                        most = i;
                }
        }
        if (!survey_is_number(waits[most].value) || waits[most].value < 100) {
                return table_add(table, NULL);
        }
        snprintf(text, sizeof text, "%s %" PRIu64 "%%", waits[most].name, waits[most].value / 100);
        return table_add(table, text);
}

int usage_add_row(struct table *table, const struct survey_machine *sample,
                  const struct survey_machine *before, unsigned int cpus, bool utf8)
{
        const struct cgroup_usage *usage = &sample->usage;
        int r = table_add(table, sample->record.name);

        r = r < 0 ? r : add_cpu(table, sample, before, cpus, utf8);
        r = r < 0 ? r : add_part(table, usage->memory, usage->memory_limit, utf8);
        r = r < 0 ? r
                  : add_part(table, usage->swap,
                             usage->swap_limit ? usage->swap_limit : MACHINE_UNSET, utf8);
        r = r < 0 ? r : add_count(table, usage->tasks, usage->tasks_limit);
        r = r < 0 ? r : add_rate(table, sample, before, USAGE(io_read), usage->io_read);
        r = r < 0 ? r : add_rate(table, sample, before, USAGE(io_write), usage->io_write);
        r = r < 0 ? r : add_waiting(table, usage);
        return r < 0 ? r : add_count(table, usage->oom_kills, MACHINE_UNSET);
}
