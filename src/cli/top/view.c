/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/top/view.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "base/quantity.h"
#include "base/strings.h"
#include "cli/top/columns.h"

/* The lines beside the rows: above them a summary and the headings, below the selected machine's
 * details, the keys, and what there is to say. */
#define OTHER_LINES 6

size_t view_page(size_t screen_rows)
{
        return screen_rows > OTHER_LINES + 1 ? screen_rows - OTHER_LINES : 1;
}

/* A frame in the making. */
struct frame {
        const struct view *view;
        FILE *out;
        size_t columns;
        int result;
};

/* Adds a line of one text. */
static void add_text(struct frame *frame, const char *style, const char *text)
{
        struct line line = { frame->out, frame->columns, frame->view->colour };

        if (frame->result == 0) {
                frame->result = text ? line_add(&line, text, 0, false, style) : -ENOMEM;
        }
        line_end(&line);
}

/* What all that are shown use together. */
static void add_up(const struct view *view, double *ret_cpu, char memory[static 16])
{
        uint64_t used = 0;
        bool is_known = false;

        *ret_cpu = 0;
        for (size_t i = 0; i < view->count; i++) {
                const struct row *row = &view->rows[i];

                *ret_cpu += survey_cpu_share(row->machine, row->before);
                if (survey_is_number(row->machine->usage.memory)) {
                        used += row->machine->usage.memory;
                        is_known = true;
                }
        }
        quantity_format_size(used, memory);
        if (!is_known) {
                snprintf(memory, 16, "-");
        }
}

static void add_summary(struct frame *frame)
{
        const struct survey *survey = frame->view->survey;
        const struct arrangement *arrangement = frame->view->arrangement;
        _cleanup_free_ char *text = NULL;
        size_t live = 0, failed = 0, unhealthy = 0;
        time_t now = time(NULL);
        struct tm broken;
        char memory[16], clock[16] = "";
        double cpu;

        for (size_t i = 0; i < survey->count; i++) {
                const struct survey_machine *machine = &survey->machines[i];

                live += machine_state_is_live(machine->record.state);
                failed += machine->record.state == MACHINE_STATE_FAILED;
                unhealthy +=
                        machine->has_health && machine->health.status == HEALTH_STATUS_UNHEALTHY;
        }
        add_up(frame->view, &cpu, memory);
        if (localtime_r(&now, &broken)) {
                (void)strftime(clock, sizeof clock, "%H:%M:%S", &broken);
        }
        text = string_format(
                "%s  %zu live, %zu failed, %zu unhealthy  CPU %.1f%% of %u%%  memory %s"
                "  by %s%s",
                clock, live, failed, unhealthy, cpu * 100, frame->view->cpus * 100, memory,
                arrangement->order->name, arrangement->reverse ? ", reversed" : "");
        add_text(frame, "1", text);
}

static void add_headings(struct frame *frame)
{
        struct line line = { frame->out, frame->columns, frame->view->colour };

        if (frame->result == 0) {
                frame->result = columns_add_headings(&line, frame->columns,
                                                     frame->view->arrangement->order);
        }
        line_end(&line);
}

static void add_row(struct frame *frame, size_t number)
{
        const struct view *view = frame->view;
        bool selected = number == view->selected;
        struct line line = { frame->out, frame->columns, view->colour };
        const struct row *row = &view->rows[number];
        const struct cell_data data = {
                .row = row,
                .history = histories_find(view->histories, row->machine->record.name),
                .cpus = view->cpus,
                .utf8 = view->utf8,
        };

        if (frame->result == 0) {
                frame->result = line_add(&line, selected ? ">" : "", 2, false, "1;36");
        }
        if (frame->result == 0) {
                frame->result = columns_add_row(&line, frame->columns, &data);
        }
        line_end(&line);
}

/* ---- the selected machine ---- */

static void write_pressure(FILE *out, const char *name, const struct cgroup_pressure *pressure)
{
        if (survey_is_number(pressure->some_10)) {
                fprintf(out, "  %s %.1f%% (all: %.1f%%)", name, (double)pressure->some_10 / 100,
                        survey_is_number(pressure->full_10) ? (double)pressure->full_10 / 100 : 0);
        }
}

static char *describe_pressure(const struct survey_machine *machine)
{
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);

        if (!out) {
                return NULL;
        }
        fputs("waiting for:", out);
        write_pressure(out, "CPU", &machine->usage.cpu_pressure);
        write_pressure(out, "memory", &machine->usage.memory_pressure);
        write_pressure(out, "disks", &machine->usage.io_pressure);
        if (fclose(out) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

static char *describe(const struct survey_machine *machine)
{
        const struct machine_record *record = &machine->record;
        const char *health = machine->has_health ? health_status_name(machine->health.status)
                                                 : "no health checks";

        return string_format("%s: %s%s%s, %s%s%s, %" PRIu64 " restarts%s%s", record->name,
                             machine_state_name(record->state), record->reason ? ": " : "",
                             record->reason ? record->reason : "", health,
                             machine->has_health && machine->health.reason ? ": " : "",
                             machine->has_health && machine->health.reason ? machine->health.reason
                                                                           : "",
                             record->restarts, record->address ? ", " : "",
                             record->address ? record->address : "");
}

static void add_details(struct frame *frame)
{
        const struct view *view = frame->view;
        _cleanup_free_ char *text = NULL, *pressure = NULL;

        if (view->count == 0) {
                add_text(frame, NULL, "");
                add_text(frame, NULL, "");
                return;
        }
        text = describe(view->rows[view->selected].machine);
        pressure = describe_pressure(view->rows[view->selected].machine);
        add_text(frame, "1", text);
        add_text(frame, NULL, pressure);
}

/* ---- help ---- */

static const char *const help[] = {
        "",
        "  up, down, k, j    select a machine; also page up, page down, home, end",
        "  s                 stop it, after a question",
        "  l, enter          its log; Ctrl-C comes back",
        "",
        "  c m n             sort by CPU, memory, name",
        "  i t p r           by disks, tasks, what it waits for, restarts",
        "  R                 the other way round",
        "  a                 also machines that do not run",
        "",
        "  CPU is in percent of one processor. Bars and histories are full at the machine's limit",
        "  or, without one, at all processors of the host, and the most memory that is shown.",
        "",
        "  space             now",
        "  q                 quit",
};

static void add_help(struct frame *frame, size_t lines)
{
        for (size_t i = 0; i < lines; i++) {
                add_text(frame, NULL, i < ELEMENTS_OF(help) ? help[i] : "");
        }
}

static void add_rows(struct frame *frame, size_t lines)
{
        const struct view *view = frame->view;

        for (size_t i = 0; i < lines; i++) {
                if (view->first + i < view->count) {
                        add_row(frame, view->first + i);
                } else {
                        add_text(frame, NULL,
                                 i == 0 && view->count == 0 ? "  no machine is running" : "");
                }
        }
}

char *view_format(const struct view *view, size_t rows, size_t columns)
{
        char *text = NULL;
        size_t length = 0, page = view_page(rows);
        struct frame frame = { view, open_memstream(&text, &length), columns, 0 };

        if (!frame.out) {
                return NULL;
        }
        add_summary(&frame);
        add_headings(&frame);
        if (view->help) {
                add_help(&frame, page);
        } else {
                add_rows(&frame, page);
        }
        add_details(&frame);
        add_text(&frame, "2",
                 "q quit  s stop  l log  sort: c m n i t p r  R reverse  a all  h help");
        add_text(&frame, view->question ? "1;33" : NULL,
                 view->question  ? view->question
                 : view->message ? view->message
                                 : "");
        if (fclose(frame.out) != 0 || frame.result < 0) {
                free(text);
                return NULL;
        }
        return text;
}
