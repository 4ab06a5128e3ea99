/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exporter/page.h"

#include <errno.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/quantity.h"
#include "base/strings.h"

struct page {
        FILE *stream;
        bool failed; /* out of memory */
};

/* Text of anybody becomes neither elements nor control characters. */
static void write_text(struct page *page, const char *text)
{
        _cleanup_free_ char *printable = string_printable(text);

        if (!printable) {
                page->failed = true;
                return;
        }
        for (const char *c = printable; *c; c++) {
                if (strchr("<>&\"'", *c)) {
                        fprintf(page->stream, "&#%d;", *c);
                } else {
                        fputc(*c, page->stream);
                }
        }
}

/* A cell; what is not known is empty. */
static void write_cell(struct page *page, const char *class, const char *text)
{
        fprintf(page->stream, "<td class=\"%s\">", class);
        if (text) {
                write_text(page, text);
        }
        fputs("</td>", page->stream);
}

static void write_size(struct page *page, uint64_t value)
{
        char text[16];

        if (survey_is_number(value)) {
                quantity_format_size(value, text);
        }
        write_cell(page, "n", survey_is_number(value) ? text : NULL);
}

static void write_count(struct page *page, uint64_t value)
{
        char text[32];

        snprintf(text, sizeof text, "%" PRIu64, value);
        write_cell(page, "n", survey_is_number(value) ? text : NULL);
}

static void write_time(struct page *page, uint64_t usec)
{
        char text[32];

        if (survey_is_number(usec)) {
                quantity_format_time(usec, text);
        }
        write_cell(page, "n", survey_is_number(usec) ? text : NULL);
}

/* From hundredths of a percent. */
static void write_percent(struct page *page, uint64_t value)
{
        char text[32];

        snprintf(text, sizeof text, "%.1f%%", (double)value / 100);
        write_cell(page, "n", survey_is_number(value) ? text : NULL);
}

static void write_uptime(struct page *page, const struct machine_record *record)
{
        uint64_t now = clock_realtime();

        if (machine_state_is_live(record->state) && record->started_usec &&
            now > record->started_usec) {
                write_time(page, now - record->started_usec);
        } else {
                write_cell(page, "n", NULL);
        }
}

static const char headings[] =
        "<tr><th>Machine</th><th>State</th><th>Health</th><th>Uptime</th><th>Restarts</th>"
        "<th>CPU time</th><th>Memory</th><th>Limit</th><th>Swap</th><th>Tasks</th><th>Read</th>"
        "<th>Written</th><th>Waits for CPU</th><th>for memory</th><th>for disks</th>"
        "<th>Killed for memory</th></tr>\n";

static void write_machine(struct page *page, const struct survey_machine *machine)
{
        const struct cgroup_usage *usage = &machine->usage;
        const char *state = machine_state_name(machine->record.state);
        const char *health = machine->has_health ? health_status_name(machine->health.status) : "";

        fputs("<tr>", page->stream);
        write_cell(page, "name", machine->record.name);
        write_cell(page, state, state);
        write_cell(page, health, health);
        write_uptime(page, &machine->record);
        write_count(page, machine->record.restarts);
        write_time(page, usage->cpu);
        write_size(page, usage->memory);
        write_size(page, usage->memory_limit);
        write_size(page, usage->swap);
        write_count(page, usage->tasks);
        write_size(page, usage->io_read);
        write_size(page, usage->io_write);
        write_percent(page, usage->cpu_pressure.some_10);
        write_percent(page, usage->memory_pressure.some_10);
        write_percent(page, usage->io_pressure.some_10);
        write_count(page, usage->oom_kills);
        fputs("</tr>\n", page->stream);
}

static const char beginning[] =
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<title>Machines</title>\n<style>\n"
        "body { font: 15px/1.4 sans-serif; margin: 1.5em; color: #222; background: #fff; }\n"
        "table { border-collapse: collapse; }\n"
        "th, td { padding: .2em .7em; border-bottom: 1px solid #ddd; text-align: left; }\n"
        "th { font-weight: 600; } .n { text-align: right; }\n"
        ".running, .healthy { color: #070; } .failed, .unhealthy { color: #b00; }\n"
        "@media (prefers-color-scheme: dark) {\n"
        "body { color: #ddd; background: #181818; } th, td { border-color: #444; }\n"
        ".running, .healthy { color: #6c6; } .failed, .unhealthy { color: #f77; } a { color: #9cf; "
        "}\n}\n</style>\n</head>\n<body>\n<h1>Machines</h1>\n";

static void write_summary(const struct page *page, const struct survey *survey)
{
        size_t live = 0;

        for (size_t i = 0; i < survey->count; i++) {
                live += machine_state_is_live(survey->machines[i].record.state);
        }
        fprintf(page->stream,
                "<p>%zu live, %zu with a record. The same as <a "
                "href=\"/metrics\">metrics</a>.</p>\n",
                live, survey->count);
        if (survey->unreadable) {
                fprintf(page->stream,
                        "<p class=\"failed\">%zu records are damaged, or of a newer version: "
                        "machinectl-lite list names them.</p>\n",
                        survey->unreadable);
        }
}

int page_write(FILE *out, const struct figures *figures)
{
        const struct survey *survey = &figures->survey;
        struct page page = { .stream = out };

        fputs(beginning, out);
        write_summary(&page, survey);
        fputs("<table>\n", out);
        fputs(headings, out);
        for (size_t i = 0; i < survey->count; i++) {
                write_machine(&page, &survey->machines[i]);
        }
        fputs("</table>\n</body>\n</html>\n", out);
        return page.failed ? -ENOMEM : 0;
}
