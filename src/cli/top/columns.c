/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/top/columns.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/quantity.h"
#include "cli/output/bar.h"

#define USAGE(field) offsetof(struct cgroup_usage, field)

#define RED    "31"
#define GREEN  "32"
#define YELLOW "33"

/* ---- cells: a text, and a style or NULL ---- */

static const char *level_style(double share)
{
        return share >= 0.9 ? RED : share >= 0.7 ? YELLOW : GREEN;
}

static bool is_live(const struct cell_data *data)
{
        return machine_state_is_live(data->row->machine->record.state);
}

static double cpu_share_of_limit(const struct cell_data *data)
{
        double limit = survey_cpu_limit(data->row->machine, data->cpus);

        return limit > 0 ? survey_cpu_share(data->row->machine, data->row->before) / limit : 0;
}

static const char *show_name(const struct cell_data *data, char text[static CELL_BYTES])
{
        snprintf(text, CELL_BYTES, "%s", data->row->machine->record.name);
        return NULL;
}

const char *columns_state_style(const struct survey_machine *machine)
{
        switch (machine->record.state) {
        case MACHINE_STATE_RUNNING:
                return GREEN;
        case MACHINE_STATE_FAILED:
                return RED;
        case MACHINE_STATE_STARTING:
        case MACHINE_STATE_STOPPING:
        case MACHINE_STATE_PAUSED:
                return YELLOW;
        case MACHINE_STATE_CREATED:
        case MACHINE_STATE_STOPPED:
                break;
        }
        return NULL;
}

static const char *show_state(const struct cell_data *data, char text[static CELL_BYTES])
{
        snprintf(text, CELL_BYTES, "%s", machine_state_name(data->row->machine->record.state));
        return columns_state_style(data->row->machine);
}

static const char *show_health(const struct cell_data *data, char text[static CELL_BYTES])
{
        const struct survey_machine *machine = data->row->machine;

        if (!machine->has_health) {
                return NULL;
        }
        snprintf(text, CELL_BYTES, "%s", health_status_name(machine->health.status));
        return machine->health.status == HEALTH_STATUS_UNHEALTHY ? RED
               : machine->health.status == HEALTH_STATUS_HEALTHY ? GREEN
                                                                 : YELLOW;
}

static const char *show_cpu(const struct cell_data *data, char text[static CELL_BYTES])
{
        if (is_live(data) && data->row->before) {
                snprintf(text, CELL_BYTES, "%.1f%%",
                         survey_cpu_share(data->row->machine, data->row->before) * 100);
        }
        return NULL;
}

static const char *show_cpu_bar(const struct cell_data *data, char text[static CELL_BYTES])
{
        if (!is_live(data) || !data->row->before) {
                return NULL;
        }
        bar_format(cpu_share_of_limit(data), data->utf8, text);
        return level_style(cpu_share_of_limit(data));
}

static const char *show_cpu_history(const struct cell_data *data, char text[static CELL_BYTES])
{
        if (data->history) {
                spark_format(data->history->cpu, data->history->count,
                             survey_cpu_limit(data->row->machine, data->cpus), data->utf8, text);
        }
        return NULL;
}

static const char *show_memory(const struct cell_data *data, char text[static CELL_BYTES])
{
        if (survey_is_number(data->row->machine->usage.memory)) {
                quantity_format_size(data->row->machine->usage.memory, text);
        }
        return NULL;
}

static const char *show_memory_bar(const struct cell_data *data, char text[static CELL_BYTES])
{
        const struct cgroup_usage *usage = &data->row->machine->usage;
        double share;

        if (!survey_is_number(usage->memory) || !survey_is_number(usage->memory_limit) ||
            !usage->memory_limit) {
                return NULL;
        }
        share = (double)usage->memory / (double)usage->memory_limit;
        bar_format(share, data->utf8, text);
        return level_style(share);
}

/* Of the limit or, without one, of the most that is shown. */
static const char *show_memory_history(const struct cell_data *data, char text[static CELL_BYTES])
{
        uint64_t limit = data->row->machine->usage.memory_limit;
        double full = survey_is_number(limit) ? (double)limit : 0;

        if (!data->history || !survey_is_number(data->row->machine->usage.memory)) {
                return NULL;
        }
        for (size_t i = 0; !survey_is_number(limit) && i < data->history->count; i++) {
                full = data->history->memory[i] > full ? data->history->memory[i] : full;
        }
        spark_format(data->history->memory, data->history->count, full, data->utf8, text);
        return NULL;
}

static const char *show_tasks(const struct cell_data *data, char text[static CELL_BYTES])
{
        if (survey_is_number(data->row->machine->usage.tasks)) {
                snprintf(text, CELL_BYTES, "%" PRIu64, data->row->machine->usage.tasks);
        }
        return NULL;
}

static void format_rate(const struct cell_data *data, size_t counter, uint64_t now, char *text)
{
        char size[16];

        if (survey_is_number(now) && data->row->before) {
                quantity_format_size(
                        (uint64_t)survey_rate(data->row->machine, data->row->before, counter),
                        size);
                snprintf(text, CELL_BYTES, "%s/s", size);
        }
}

static const char *show_read(const struct cell_data *data, char text[static CELL_BYTES])
{
        format_rate(data, USAGE(io_read), data->row->machine->usage.io_read, text);
        return NULL;
}

static const char *show_write(const struct cell_data *data, char text[static CELL_BYTES])
{
        format_rate(data, USAGE(io_write), data->row->machine->usage.io_write, text);
        return NULL;
}

static const char *show_waiting(const struct cell_data *data, char text[static CELL_BYTES])
{
        uint64_t share;
        const char *resource = row_waiting(data->row->machine, &share);

        if (!resource || share < 100) {
                return NULL;
        }
        snprintf(text, CELL_BYTES, "%s %" PRIu64 "%%", resource, share / 100);
        return share >= 5000 ? RED : share >= 1000 ? YELLOW : NULL;
}

static const char *show_restarts(const struct cell_data *data, char text[static CELL_BYTES])
{
        uint64_t restarts = data->row->machine->record.restarts;

        snprintf(text, CELL_BYTES, "%" PRIu64, restarts);
        return restarts ? YELLOW : NULL;
}

static const char *show_uptime(const struct cell_data *data, char text[static CELL_BYTES])
{
        const struct machine_record *record = &data->row->machine->record;
        uint64_t now = clock_realtime();

        if (is_live(data) && record->started_usec && now > record->started_usec) {
                /* To the second. */
                uint64_t second = (now - record->started_usec) / USEC_PER_SEC * USEC_PER_SEC;

                if (second) {
                        quantity_format_time(second, text);
                }
        }
        return NULL;
}

/* The columns from left to right. On a narrow screen those with the highest `rank` are left out. */
static const struct column {
        const char *heading;
        int order; /* key of the order that the column is of, or 0 */
        size_t width;
        unsigned int rank;
        bool right;
        /** Writes the text; returns its style. */
        const char *(*show)(const struct cell_data *data, char text[static CELL_BYTES]);
} columns[] = {
        { "NAME", 'n', 16, 0, false, show_name },
        { "STATE", 0, 8, 0, false, show_state },
        { "HEALTH", 0, 9, 4, false, show_health },
        { "CPU", 'c', 6, 0, true, show_cpu },
        { "", 0, BAR_WIDTH, 2, false, show_cpu_bar },
        { "", 0, SPARK_WIDTH, 1, false, show_cpu_history },
        { "MEMORY", 'm', 7, 0, true, show_memory },
        { "", 0, BAR_WIDTH, 3, false, show_memory_bar },
        { "", 0, SPARK_WIDTH, 1, false, show_memory_history },
        { "WAITING", 'p', 11, 3, false, show_waiting },
        { "RESTARTS", 'r', 8, 5, true, show_restarts },
        { "TASKS", 't', 5, 5, true, show_tasks },
        { "READ", 'i', 9, 6, true, show_read },
        { "WRITE", 'i', 9, 6, true, show_write },
        { "UPTIME", 0, 9, 7, true, show_uptime },
};

/* Up to which rank the columns fit. */
static unsigned int choose_rank(size_t width)
{
        unsigned int rank = 0;

        for (unsigned int candidate = 0; candidate <= 7; candidate++) {
                size_t needed = 1;

                for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
                        needed += columns[i].rank <= candidate ? columns[i].width + 1 : 0;
                }
                rank = needed <= width ? candidate : rank;
        }
        return rank;
}

int columns_add_headings(struct line *line, size_t width, const struct order *order)
{
        unsigned int rank = choose_rank(width);
        int r = line_add(line, "", 2, false, NULL);

        for (size_t i = 0; r == 0 && i < sizeof columns / sizeof columns[0]; i++) {
                const struct column *column = &columns[i];

                if (column->rank <= rank) {
                        r = line_add(line, column->heading, column->width, column->right,
                                     column->order == order->key ? "1;4" : "1");
                        r = r < 0 ? r : line_add(line, "", 1, false, NULL);
                }
        }
        return r;
}

int columns_add_row(struct line *line, size_t width, const struct cell_data *data)
{
        unsigned int rank = choose_rank(width);
        int r = 0;

        for (size_t i = 0; r == 0 && i < sizeof columns / sizeof columns[0]; i++) {
                const struct column *column = &columns[i];
                char text[CELL_BYTES] = "";
                const char *style;

                if (column->rank <= rank) {
                        style = column->show(data, text);
                        r = line_add(line, text, column->width, column->right, style);
                        r = r < 0 ? r : line_add(line, "", 1, false, NULL);
                }
        }
        return r;
}
